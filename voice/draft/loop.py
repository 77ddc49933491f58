"""Draft and verify: one reply, token by token.

Strategy: what is approved is a list of tokens; ahead of it lies what the edge has drafted, a part of which is in flight. Four
things happen: a draft token is written, a verdict comes back, a token of plain streaming comes, or a timer goes off. Each moves
the list, and where the list and the draft disagree the draft begins anew from the list: the edge's cache forgets what was
wrong, what is in flight behind it is nobody's, and its answers are dropped.

A verifier that takes offers streams all the time, and drafts hurry it on: that is never slower than streaming. One that does
not is asked block by block where that is expected to be faster, else it streams. The first block is empty: the verifier
reads the prompt and says the first token while the edge still reads and drafts, so that a drafted reply begins no later
than a streamed one.

When the verifier is silent for too long, or answers what cannot be, the edge finishes the reply from what was approved.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voice.core.errors import ChatError, VerifierError
from voice.draft.acceptance import Proposal
from voice.draft.draft_buffer import DraftBuffer
from voice.draft.plan import Controller, Plan
from voice.draft.reply_options import Approved, Drafter, DraftTally, ReplyOptions
from voice.draft.tasks import LeavingTasks, next_of, retire, stop, verdict_of
from voice.draft.verifier import Block, Chosen, DraftVerdict, Verifier, believe

RECONSIDER_AFTER = 24
"""Judged tokens of a reply after which the plan is made anew, and again after as many."""
CLAUSE_TOKENS = 8
"""With so many approved at the deadline the first clause is as good as there, and nothing is forced."""
FIRST_TOKENS = 12
"""Of a first clause that is forced, at most. The edge drafts so many in any case: it may have to step in, and acceptance is
learnt from them. A verifier that takes offers gets them too: they are there before it has read the prompt."""
OFFERED_AHEAD = 16
"""Draft tokens ahead of what was approved, with a verifier that takes offers. It drops what is further on."""
STALE_ANSWERS = 3
"""A verifier that calls so many live blocks stale in one reply has lost the thread."""


@dataclass(slots=True)
class _Flight:
    block: Block
    task: "asyncio.Task[DraftVerdict]"
    sent_s: float


class DraftedReply:
    """One reply. :meth:`tokens` may be iterated once."""

    def __init__(self, drafter: Drafter, verifier: Verifier, controller: Controller, terms: ReplyOptions) -> None:
        self._drafter = drafter
        self._verifier = verifier
        self._controller = controller
        self._terms = terms
        self._tokens = list(terms.prefix)
        self._ahead = DraftBuffer(drafter, self._tokens, controller.calibration)
        self._flights: deque[_Flight] = deque()
        self._leaving = LeavingTasks()
        self._out: deque[Approved] = deque()
        self._stream: AsyncGenerator[Chosen, None] | None = None
        self._streaming: asyncio.Task[Chosen | None] | None = None
        self._done = terms.max_tokens < 1
        self._reconsider_at = RECONSIDER_AFTER
        self._judged_at_s = self._streamed_at_s = 0.0
        self._forced = False
        self._offer: Callable[[int, Sequence[int]], Awaitable[None]] | None = getattr(verifier, "offer", None)
        self._depth = verifier.depth if self._offer is None else 0
        if drafter.token_ms:
            controller.draft.add(drafter.token_ms)
        self.account = DraftTally(plan=controller.plan(terms.kind, depth=self._depth))

    async def tokens(self) -> AsyncGenerator[Approved, None]:
        """The reply, each token as soon as it is approved.

        Closing the generator stops both models. Raises :class:`~voice.core.errors.ChatError` when the edge failed where it was
        needed, and :class:`~voice.core.errors.VerifierError` where the terms do not let the edge finish alone.
        """
        began_s = self._judged_at_s = asyncio.get_running_loop().time()
        try:
            self._ahead.restart()
            if self.account.plan.streams or self._offer is not None:
                self._start_stream()
            else:
                self._send(0)
            while not self._done:
                await self._step(began_s)
                while self._out:
                    self._note_time(began_s)
                    yield self._out.popleft()
        finally:
            self._drafter.stop()
            await stop(self._ahead.writing, *(flight.task for flight in self._flights))
            await self._stop_stream()
            await self._leaving.ended()

    def _note_time(self, began_s: float) -> None:
        self.account.took_ms = (asyncio.get_running_loop().time() - began_s) * 1e3
        self.account.first_ms = self.account.first_ms or self.account.took_ms

    # --- what happens next ---------------------------------------------------------------------------------------------------

    async def _step(self, began_s: float) -> None:
        if self.account.failure:
            await self._finish_alone()
            return
        try:
            if self._may_write():
                self._ahead.write()
            if self._offer is None:
                self._send_what_is_ready()
            else:
                await self._offer_what_is_ready(self._offer)
            await self._wait(began_s)
            self._take_draft()
            self._take_verdicts()
            self._take_streamed()
        except VerifierError as error:
            self.account.failure = str(error)
            if not self._terms.alone:
                raise

    def _may_write(self) -> bool:
        """Whether the draft should go on. Beside a stream it goes only as far as the edge may have to step in."""
        ahead, plan = len(self._ahead), self.account.plan
        if self._ahead.written_out or self._ahead.end >= self._limit:
            return False
        if plan.streams or self._may_be_forced:
            return ahead < FIRST_TOKENS - self.account.approved
        most = OFFERED_AHEAD if self._offer is not None else 2 * (plan.depth + 1) * plan.draft_tokens
        return ahead < most and self._controller.pays(self._terms.kind, self._ahead.chance)

    @property
    def _may_be_forced(self) -> bool:
        return self._terms.deadline_ms is not None and not self._forced and self.account.approved < CLAUSE_TOKENS

    @property
    def _limit(self) -> int:
        return len(self._terms.prefix) + self._terms.max_tokens

    async def _wait(self, began_s: float) -> None:
        loop = asyncio.get_running_loop()
        waits: list[asyncio.Task[Any]] = [task for task in (self._ahead.writing, self._streaming) if task is not None]
        waits += [flight.task for flight in list(self._flights)[:1]]
        until_s = self._judged_at_s + self._terms.patience_ms / 1e3
        forced_s = began_s + (self._terms.deadline_ms or 0.0) / 1e3 if self._may_be_forced else None
        if forced_s is not None and (loop.time() < forced_s or self._whole_words()):
            until_s = min(until_s, forced_s)
        done: set[asyncio.Task[Any]] = set()
        if waits:
            done, _ = await asyncio.wait(waits, timeout=max(0.0, until_s - loop.time()), return_when=asyncio.FIRST_COMPLETED)
        if done:
            return
        if forced_s is not None and loop.time() >= forced_s and self._force():
            return
        if not waits or loop.time() >= self._judged_at_s + self._terms.patience_ms / 1e3:
            raise VerifierError(f"the verifier has said nothing for {self._terms.patience_ms:.0f} ms")

    # --- the draft -----------------------------------------------------------------------------------------------------------

    def _take_draft(self) -> None:
        try:
            self._keep(self._ahead.take())
        except ChatError:  # the reply can do without its edge as long as the verifier answers
            self._ahead.written_out = True
            if self._offer is not None:
                self.account.plan = Plan()
            elif self.account.plan.draft_tokens:
                self._switch_to_stream()

    def _keep(self, written: tuple[int, Proposal] | None) -> None:
        if written is None:
            return
        place, proposal = written
        self.account.drafted += 1
        self._ahead.written_out = self._terms.ends(proposal.token)
        if self._drafter.token_ms:
            self._controller.draft.add(self._drafter.token_ms)
        if place >= len(self._tokens):
            self._ahead.proposals.append(proposal)
        elif not self._compare(proposal, self._tokens[place], sent=False):  # the verifier was faster
            self.account.rollbacks += 1
            self._ahead.restart()

    async def _offer_what_is_ready(self, offer: Callable[[int, Sequence[int]], Awaitable[None]]) -> None:
        unsent = self._ahead.unsent()
        if unsent and self._stream is not None:
            place, proposals = self._ahead.send(unsent)
            self.account.rounds += 1
            await offer(place, [proposal.token for proposal in proposals[-unsent:]])

    def _send_what_is_ready(self) -> None:
        plan = self.account.plan
        while not plan.streams and len(self._flights) < min(plan.depth, self._verifier.depth):
            unsent = self._ahead.unsent()
            stopped = not self._may_write() or self._ahead.sure < len(self._ahead)
            if unsent < plan.draft_tokens and not (unsent and stopped) and (self._flights or not stopped):
                return
            if not unsent and self._flights:
                return
            # With nothing on the way, a token that one is not sure of costs no more than the question without it.
            self._send(min(max(unsent, len(self._ahead) > 0), plan.draft_tokens))

    def _send(self, count: int) -> None:
        """Send a block of ``count`` tokens behind what was sent last."""
        _, proposals = self._ahead.send(count)
        behind = len(proposals) - count
        draft = tuple(proposals[behind:])
        block = Block(
            prefix=(*self._tokens, *(proposal.token for proposal in proposals[:behind])),
            draft=draft,
            sampling=self._terms.sampling,
            bonus=not any(proposal.support for proposal in draft) or self.account.plan.depth == 1,
            follows=bool(self._flights),
        )
        task = asyncio.create_task(verdict_of(self._verifier, block), name="verify")
        self._flights.append(_Flight(block, task, asyncio.get_running_loop().time()))

    # --- the verdicts --------------------------------------------------------------------------------------------------------

    def _take_verdicts(self) -> None:
        while self._flights and self._flights[0].task.done() and not self._done:
            flight = self._flights.popleft()
            size = self._verifier.identity.vocabulary_size
            verdict = believe(flight.block, flight.task.result(), vocabulary_size=size, ends=self._terms.ends)
            if verdict.stale:
                self._on_stale()
                continue
            self._note_flight(flight, verdict)
            self._apply(flight.block, verdict)
        self._reconsider()

    def _on_stale(self) -> None:
        """The verifier has dropped a block that is still wanted: it is sent again."""
        self.account.stale += 1
        if self.account.stale > STALE_ANSWERS:
            raise VerifierError("the verifier keeps losing the thread")
        self._abandon_flights()
        self._ahead.sent_to = len(self._tokens)

    def _note_flight(self, flight: _Flight, verdict: DraftVerdict) -> None:
        self.account.rounds += 1
        self._controller.flight(
            took_ms=(asyncio.get_running_loop().time() - flight.sent_s) * 1e3,
            compute_ms=verdict.compute_ms,
            draft_tokens=len(flight.block.draft),
            queued=flight.block.follows,
            prompt=self.account.approved == 0,
        )

    def _apply(self, block: Block, verdict: DraftVerdict) -> None:
        known = len(self._tokens) - len(block.prefix)
        if known < 0 or [chosen.token for chosen in verdict.tokens[:known]] != self._tokens[len(block.prefix) :]:
            raise VerifierError("the verifier's answers contradict one another")
        for chosen in verdict.tokens[known:]:
            if not self._done:
                self._approve(chosen)

    def _compare(self, proposal: Proposal, token: int, *, sent: bool) -> bool:
        """Learn from what the verifier has said in a draft token's place."""
        right = proposal.token == token
        self.account.accepted += right
        self.account.rejected += not right
        self.account.sent_accepted += sent and right
        self.account.sent_rejected += sent and not right
        self._controller.judged(self._terms.kind, int(right), int(not right))
        self._controller.calibration.add(proposal.confidence, right)
        return right

    def _approve(self, chosen: Chosen, by: Literal["verifier", "edge"] = "verifier") -> None:
        """Add a token to the reply; if the draft said otherwise it begins anew."""
        sent = self._ahead.sent_to > len(self._tokens)
        self._tokens.append(chosen.token)
        self._judged_at_s = asyncio.get_running_loop().time()
        self.account.approved += 1
        self.account.by_edge += by == "edge"
        self._done = self._terms.ends(chosen.token) or self.account.approved >= self._terms.max_tokens
        self._out.append(Approved(chosen.token, chosen.logprob, by))
        expected = self._ahead.proposals.popleft() if self._ahead else None
        if expected is None:
            return
        right = expected.token == chosen.token if by == "edge" else self._compare(expected, chosen.token, sent=sent)
        if not right and not self._done:
            self.account.rollbacks += 1
            self._abandon_flights()
            self._ahead.restart()

    def _abandon_flights(self) -> None:
        for flight in self._flights:
            flight.task.cancel()
            self._leaving.add(flight.task)
        self._flights.clear()

    def _reconsider(self) -> None:
        """Go on with plain streaming if this reply's draft turns out to be worth less."""
        judged = self.account.accepted + self.account.rejected
        if self._offer is not None or self.account.plan.streams or self._done or judged < self._reconsider_at:
            return
        self._reconsider_at = judged + RECONSIDER_AFTER
        plan = self._controller.plan(self._terms.kind, depth=self._depth)
        if plan.streams:
            self._switch_to_stream()
        else:
            self.account.plan = plan

    # --- plain streaming -----------------------------------------------------------------------------------------------------

    def _switch_to_stream(self) -> None:
        self._abandon_flights()
        self.account.switched = True
        self.account.plan = Plan()
        self._start_stream()

    def _start_stream(self) -> None:
        self._stream = self._verifier.stream(
            tuple(self._tokens), max_tokens=self._limit - len(self._tokens), sampling=self._terms.sampling
        )
        self._streamed_at_s = 0.0
        self._streaming = asyncio.create_task(next_of(self._stream))

    def _take_streamed(self) -> None:
        if self._streaming is None or not self._streaming.done() or self._stream is None:
            return
        chosen = self._streaming.result()
        if chosen is None:
            self._done = True
            return
        now_s = asyncio.get_running_loop().time()
        alone = self.account.plan.streams and self._ahead.sent_to <= len(self._tokens)
        if self._streamed_at_s and alone:
            self._controller.token.add(max(0.01, (now_s - self._streamed_at_s) * 1e3))
        self._streamed_at_s = now_s if alone else 0.0
        self._approve(chosen)
        self._streaming = None if self._done else asyncio.create_task(next_of(self._stream))

    async def _stop_stream(self) -> None:
        streaming, stream, self._streaming, self._stream = self._streaming, self._stream, None, None
        if stream is not None:
            await retire(streaming, stream)

    # --- the edge steps in ---------------------------------------------------------------------------------------------------

    def _force(self) -> bool:
        """Speak what the edge has, up to a whole word; the verifier goes on from there. False if it has nothing yet."""
        count = self._whole_words()
        if not count:
            return False
        self._forced = True
        self._abandon_flights()
        for proposal in list(self._ahead.proposals)[:count]:
            if not self._done:
                self._approve(Chosen(proposal.token), by="edge")
        self._ahead.sent_to = len(self._tokens)
        if self._done:
            return True
        if self._stream is not None:
            self._streaming, stopped = None, (self._streaming, self._stream)
            self._leaving.add(asyncio.create_task(retire(*stopped), name="retire stream"))
            self._start_stream()
        else:
            self._send(0)
        return True

    def _whole_words(self) -> int:
        """Draft tokens that may be forced."""
        room = FIRST_TOKENS + 1 - self.account.approved
        return self._terms.whole_words([proposal.token for proposal in list(self._ahead.proposals)[:room]])

    async def _finish_alone(self) -> None:
        """The verifier is gone: one more token of the edge's own, and so on until the reply ends."""
        if self._flights or self._stream is not None:
            self._abandon_flights()
            await self._stop_stream()
        while not self._ahead and not self._ahead.written_out:
            self._ahead.write()
            if self._ahead.writing is not None:
                await asyncio.wait([self._ahead.writing])
            self._keep(self._ahead.take())
        if not self._ahead:
            self._done = True
            return
        self._approve(Chosen(self._ahead.proposals[0].token), by="edge")
