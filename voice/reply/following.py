"""A larger model's part of an answer: what it says behind the words that were spoken."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from voice.core.errors import CloudError
from voice.core.interfaces import Token
from voice.core.seam import Seam
from voice.reply.attribution import Speaker
from voice.reply.bridging import LEAST_WAIT_S, Source
from voice.reply.handover import give_up_at_s
from voice.reply.length import ends_sentence
from voice.reply.request import TokenRequest
from voice.reply.stages import Stages
from voice.route.placing import Outgoing
from voice.tts.clauses import ClauseSplitter

OFFER_BEFORE_TOKENS = 24
"""So near its limit an answer ends at the next sentence's end, and the user is asked whether to go on."""

STALLED = 0.6
"""So much of the patience is left for one that has begun to answer and gives no more: it rarely comes back."""


class TakeOver(Exception):
    """A larger model gives no more: somebody else must go on."""

    def __init__(self, error: CloudError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Mind:
    """A larger model that may answer this turn.

    Attributes:
        leaves: whether asking it takes the permission to leave the device.
        forecast_ms: from a request to a first clause, as of now.
        ask: makes a request behind the words that were spoken; anew, where the last one said what was said before.
        outgoing: how what it says comes back, for one that was told placeholders.
    """

    tier: Speaker
    leaves: bool
    max_tokens: int
    forecast_ms: Callable[[], float]
    ask: Callable[[str, bool], TokenRequest]
    outgoing: Outgoing | None = None


class Following:
    """One request's part of an answer.

    Args:
        patience_ms: for its first clause; a part of it for each token behind that.
        next_best_ms: what whoever would step in needs.

    Attributes:
        reached_limit: whether it ended at its limit of tokens and may have more to say.
    """

    def __init__(
        self, mind: Mind, request: TokenRequest, stages: Stages, patience_ms: float, next_best_ms: Callable[[], float]
    ) -> None:
        self._mind = mind
        self._request = request
        self._stages = stages
        self._patience_ms = patience_ms
        self._next_best_ms = next_best_ms
        self._tokens = 0
        self._speaks = False
        self._waits_since_s = request.began_s
        self.first_token_ms: float | None = None
        self.reached_limit = False

    @property
    def tokens(self) -> int:
        """That it gave."""
        return self._tokens

    def expected_s(self) -> float:
        """When its next clause is expected."""
        now_s = self._stages.clock.now_s()
        expected_s = self._waits_since_s + self._mind.forecast_ms() / 1000
        return expected_s if expected_s > now_s else now_s + (now_s - self._waits_since_s) / 2

    async def clauses(self, spoken: str) -> AsyncGenerator[tuple[Source, str], None]:
        """What it says behind ``spoken``, clause by clause.

        Raises:
            TakeOver: it failed, or gives nothing for too long.
        """
        seam, splitter = Seam(spoken), ClauseSplitter(self._stages.first_clause_words, spoken_words=len(spoken.split()))
        restorer = None if self._mind.outgoing is None else self._mind.outgoing.stream()
        while (token := await self._next()) is not None:
            text = token.text if restorer is None else restorer.feed(token.text)
            for clause in splitter.feed(seam.feed(text)):
                self._speaks = True
                yield self._mind.tier, clause
                if self._ends_here(clause):
                    return
        rest = "" if restorer is None else restorer.rest()
        for clause in [*splitter.feed(seam.feed(rest) + seam.flush()), *splitter.finish()]:
            yield self._mind.tier, clause
        self.reached_limit = self._tokens >= self._mind.max_tokens

    def _ends_here(self, clause: str) -> bool:
        """Whether the answer is near its limit and this is a place to end it."""
        near = self._tokens >= max(self._mind.max_tokens - OFFER_BEFORE_TOKENS, self._mind.max_tokens // 2)
        self.reached_limit = near and ends_sentence(clause)
        return self.reached_limit

    async def _next(self) -> Token | None:
        """The next token, if it comes within the patience; ``None`` at the end."""
        patience_ms = self._patience_ms
        if self._speaks:
            self._waits_since_s = self._stages.clock.now_s()
            patience_ms *= STALLED
        give_up_s = give_up_at_s(self._waits_since_s, patience_ms, self._next_best_ms())
        wait_s = give_up_s - self._stages.clock.now_s()
        try:
            async with asyncio.timeout(LEAST_WAIT_S if self._request.tokens.depth else max(wait_s, LEAST_WAIT_S)):
                token = await anext(self._request.tokens)
        except TimeoutError:
            raise TakeOver(CloudError("the larger model would have come too late", code="cloud_late")) from None
        except StopAsyncIteration:
            if self._request.error is not None:
                raise TakeOver(self._request.error) from None
            return None
        self._tokens += 1
        if self.first_token_ms is None:
            self.first_token_ms = (self._stages.clock.now_s() - self._request.began_s) * 1000
        return token
