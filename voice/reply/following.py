"""A larger model's part of an answer: what it says behind the words that were spoken, and what bridges the wait for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Literal

from voice.core.budget import Stage
from voice.core.errors import CloudError
from voice.core.interfaces import Token
from voice.core.seam import Seam
from voice.reply.attribution import Speaker
from voice.reply.handover import BRIDGES, bridge_at_s, give_up_at_s
from voice.reply.permissions import Permissions
from voice.reply.request import TokenRequest
from voice.reply.stages import Stages
from voice.route.placing import Outgoing
from voice.tts.clauses import ClauseSplitter

Source = Literal["edge", "large", "cloud", "bridge"]
POLL_S = 0.05
"""How often to look whether the audio has begun to run out."""
LEAST_WAIT_S = 0.001
"""A shorter wait could be rounded to none, again and again."""
OFFER_BEFORE_TOKENS = 24
"""So near its limit an answer ends at the next sentence's end, and the user is asked whether to go on."""


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


@dataclass(slots=True)
class Wait:
    """How one reply waits, whoever it waits for.

    Attributes:
        patience_ms: for a first clause, and for each next token.
        next_best_ms: what whoever would step in needs.
        covered_until_s: when the audio made so far will have been played; ``None`` before it is heard.
        bridges: that were said.
    """

    patience_ms: float
    next_best_ms: Callable[[], float]
    covered_until_s: Callable[[], float | None]
    bridges: int = 0


class Following:
    """One request's part of an answer.

    Attributes:
        reached_limit: whether it ended at its limit of tokens and may have more to say.
    """

    def __init__(self, mind: Mind, request: TokenRequest, stages: Stages, permissions: Permissions, wait: Wait) -> None:
        self._mind = mind
        self._request = request
        self._stages = stages
        self._permissions = permissions
        self._wait = wait
        self._tokens = 0
        self.first_token_ms: float | None = None
        self.reached_limit = False

    @property
    def tokens(self) -> int:
        """That it gave."""
        return self._tokens

    async def clauses(self, spoken: str) -> AsyncGenerator[tuple[Source, str], None]:
        """What is said behind ``spoken``, clause by clause, its bridges among it.

        Raises:
            TakeOver: it failed, or gives nothing for too long.
        """
        seam, splitter = Seam(spoken), ClauseSplitter(self._stages.first_clause_words, spoken_words=len(spoken.split()))
        restorer = None if self._mind.outgoing is None else self._mind.outgoing.stream()
        while (event := await self._next()) is not None:
            if isinstance(event, str):
                yield "bridge", event
                continue
            text = event.text if restorer is None else restorer.feed(event.text)
            for clause in splitter.feed(seam.feed(text)):
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
        self.reached_limit = near and clause.rstrip("\"'”’) ").endswith((".", "!", "?"))
        return self.reached_limit

    async def _next(self) -> Token | str | None:
        """The next token, a bridge that is due, or ``None`` at the end."""
        waits_since_s = self._stages.clock.now_s() if self._tokens else self._request.began_s
        while True:
            now_s = self._stages.clock.now_s()
            wait = self._wait
            give_up_s = give_up_at_s(waits_since_s, wait.patience_ms, wait.next_best_ms())
            bridge_s = self._bridge_at_s(waits_since_s)
            if not self._request.tokens.depth:
                if now_s >= give_up_s:
                    raise TakeOver(CloudError("the larger model would have come too late", code="cloud_late"))
                if bridge_s is not None and now_s >= bridge_s:
                    wait.bridges += 1
                    return BRIDGES[wait.bridges - 1]
            until_s = min(give_up_s, now_s + POLL_S if bridge_s is None else min(bridge_s, now_s + POLL_S))
            try:
                async with asyncio.timeout(max(until_s - now_s, LEAST_WAIT_S)):
                    token = await anext(self._request.tokens)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                if self._request.error is not None:
                    raise TakeOver(self._request.error) from None
                return None
            self._tokens += 1
            if self.first_token_ms is None:
                self.first_token_ms = (self._stages.clock.now_s() - self._request.began_s) * 1000
            return token

    def _bridge_at_s(self, waits_since_s: float) -> float | None:
        deadline = self._permissions.deadline
        due_s = deadline.at_s if deadline is not None and self._permissions.is_over else None
        voice_ms = self._stages.forecasts.stage_ms(Stage.TTS_FIRST_AUDIO)
        expected_s = waits_since_s + (self._mind.forecast_ms() + voice_ms) / 1000
        return bridge_at_s(self._wait.bridges, self._wait.covered_until_s(), due_s, expected_s, voice_ms)
