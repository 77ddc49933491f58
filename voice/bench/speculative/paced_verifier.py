"""A verifier elsewhere, simulated: a real engine's own answers, given back at the pace of another machine and network.

The edge and the verifier do not share a processor in the field, so they must not share one while speed is measured. What a
greedy target says after any prefix that agrees with its reply is known once it has said the reply: judging a block is then a
comparison. So the reply is recorded from the real engine, in the same run, and only delays are added here: half of the round
trip each way, one processor that computes a token, or a block, at a time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from voice.draft import wire
from voice.draft.acceptance import Sampling
from voice.draft.plan import Controller, Plan
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity, Verifier
from voice.llm.sequence import lay_offers

VERIFY_SHARE = 0.02
"""What a draft token adds to a step, as a share of the step: decoding is bound by reading the weights once."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a target said to a prompt: tokens, the end-of-reply token included where there was one."""

    kind: str
    prompt: tuple[int, ...]
    reply: tuple[int, ...]


class PacedVerifier:
    """:class:`~voice.draft.verifier.Verifier` of one recorded reply."""

    depth = 4

    def __init__(self, recorded: Recorded, *, rtt_ms: float, token_ms: float, prompt_ms: float = 0.0) -> None:
        self.identity = Identity("recorded", vocabulary_size=1 << 30, token_ms=token_ms, rtt_ms=rtt_ms)
        self._whole = (*recorded.prompt, *recorded.reply)
        self._half_s, self._token_s, self._prompt_s = rtt_ms / 2e3, token_ms / 1e3, prompt_ms / 1e3
        self._free_at_s = 0.0
        self._known: tuple[int, ...] | None = None
        self._sent = 0
        self.bytes = 0
        """What ``voice verifier``'s protocol would have sent, both ways."""

    async def verify(self, block: Block) -> DraftVerdict:
        """See :class:`~voice.draft.verifier.Verifier`."""
        self._count_question(block)
        await asyncio.sleep(self._half_s)
        compute_s = self._token_s * (1 + VERIFY_SHARE * len(block.draft)) + self._take_prompt()
        verdict = self._judge(block)
        if not verdict.stale:
            loop = asyncio.get_running_loop()
            self._free_at_s = max(loop.time(), self._free_at_s) + compute_s
            await asyncio.sleep(self._free_at_s - loop.time())
        await asyncio.sleep(self._half_s)
        self._count_answer(verdict)
        return DraftVerdict(verdict.accepted, verdict.tokens, compute_s * 1e3, verdict.stale)

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        del sampling
        loop = asyncio.get_running_loop()
        began_s = loop.time() + self._half_s + self._take_prompt()
        for count, token in enumerate(self._whole[len(prefix) : len(prefix) + max_tokens], 1):
            await asyncio.sleep(max(0.0, began_s + count * self._token_s + self._half_s - loop.time()))
            self.bytes += len(wire.encode(wire.Tokens(1, [token], [-0.123])))
            yield Chosen(token, -0.1)

    def _take_prompt(self) -> float:
        prompt_s, self._prompt_s = self._prompt_s, 0.0
        return prompt_s

    def _judge(self, block: Block) -> DraftVerdict:
        whole = (*block.prefix, *(proposal.token for proposal in block.draft))
        if block.follows and self._known is not None and whole[: len(self._known)] != self._known:
            return DraftVerdict(0, (), stale=True)
        start, accepted = len(block.prefix), 0
        while (
            accepted < len(block.draft)
            and self._whole[start + accepted : start + accepted + 1] == whole[start + accepted :][:1]
        ):
            accepted += 1
        said = self._whole[start : start + accepted + 1] if block.bonus or accepted < len(block.draft) else whole[start:]
        self._known = (*block.prefix, *said)
        return DraftVerdict(accepted, tuple(Chosen(token, -0.1) for token in said))

    def _count_question(self, block: Block) -> None:
        keep = min(self._sent, len(block.prefix))
        drafted = [proposal.token for proposal in block.draft]
        question = wire.Verify(1, keep, list(block.prefix[keep:]), wire.checksum(block.prefix), drafted, follows=block.follows)
        self._sent = len(block.prefix) + len(drafted)
        self.bytes += len(wire.encode(question))

    def _count_answer(self, verdict: DraftVerdict) -> None:
        answer = wire.Judged(1, verdict.accepted, 1000, [-0.123] * len(verdict.tokens), 12.34, "0" * 16)
        self.bytes += len(wire.encode(answer))


class OfferedVerifier(PacedVerifier):
    """The same, taking offers: it never waits for a draft, and a step judges those that have come."""

    depth = 4

    def __init__(self, recorded: Recorded, *, rtt_ms: float, token_ms: float, prompt_ms: float = 0.0) -> None:
        super().__init__(recorded, rtt_ms=rtt_ms, token_ms=token_ms, prompt_ms=prompt_ms)
        self._offers: deque[tuple[int, Sequence[int]]] = deque(maxlen=64)

    async def offer(self, place: int, draft: Sequence[int]) -> None:
        """See :class:`~voice.draft.verifier.Offering`."""
        self.bytes += len(wire.encode(wire.Offer(1, place, list(draft))))
        asyncio.get_running_loop().call_later(self._half_s, self._offers.append, (place, draft))

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        del sampling
        arriving: asyncio.Queue[tuple[float, tuple[int, ...]]] = asyncio.Queue(max_tokens)
        serving = asyncio.create_task(self._serve(arriving, len(prefix), min(len(self._whole), len(prefix) + max_tokens)))
        loop, at = asyncio.get_running_loop(), len(prefix)
        try:
            while at < min(len(self._whole), len(prefix) + max_tokens):
                arrives_s, tokens = await arriving.get()
                await asyncio.sleep(max(0.0, arrives_s - loop.time()))
                at += len(tokens)
                self.bytes += len(wire.encode(wire.Tokens(1, list(tokens), [-0.123] * len(tokens))))
                for token in tokens:
                    yield Chosen(token, -0.1)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def _serve(self, arriving: "asyncio.Queue[tuple[float, tuple[int, ...]]]", at: int, end: int) -> None:
        """The machine elsewhere: one step after another."""
        loop = asyncio.get_running_loop()
        now_s = loop.time() + self._half_s + self._take_prompt()
        while at < end:
            await asyncio.sleep(max(0.0, now_s - loop.time()))
            tokens = list(self._whole[:at])
            lay_offers(self._offers, tokens, decided=at, limit=end)
            drafted = tokens[at:]
            right = next((i for i, token in enumerate(drafted) if token != self._whole[at + i]), len(drafted))
            said = self._whole[at : min(end, at + right + 1)]
            now_s += self._token_s * (1 + VERIFY_SHARE * len(drafted))
            at += len(said)
            arriving.put_nowait((now_s + self._half_s, said))


class InBlocks:
    """Another verifier, asked block by block though it takes offers: as one behind HTTP would be."""

    def __init__(self, verifier: Verifier) -> None:
        self.identity, self.depth = verifier.identity, verifier.depth
        self.verify, self.stream = verifier.verify, verifier.stream


class FixedPlan(Controller):
    """Plans one thing, whatever is expected of it."""

    def __init__(self, draft_tokens: int, depth: int) -> None:
        super().__init__()
        self._fixed = Plan(draft_tokens, depth)

    def plan(self, kind: str, *, depth: int) -> Plan:
        """The one plan, within what the verifier takes."""
        del kind
        return Plan(self._fixed.draft_tokens, min(self._fixed.depth, depth))
