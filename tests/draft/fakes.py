"""A drafter and a verifier made of two fixed texts, with latencies, for virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from voice.draft.acceptance import Proposal, Sampling
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity

END = 0


def truth(length: int, seed: int = 1) -> list[int]:
    """What the target says: ``length`` tokens and the end."""
    return [*(int(x) for x in np.random.default_rng(seed).integers(1, 900, length)), END]


class FakeDrafter:
    """Knows the target's reply and gets each token right with a fixed probability, drawn by its position and the seed."""

    def __init__(
        self, prompt: Sequence[int], reply: Sequence[int], *, acceptance: float, token_ms: float, seed: int = 2
    ) -> None:
        self._whole = [*prompt, *reply]
        self._right = np.random.default_rng(seed).random(len(self._whole)) < acceptance
        self._token_ms = token_ms
        self._tokens: list[int] = []
        self.begun = 0
        self.token_ms = token_ms
        self.stopped = False

    def begin(self, tokens: Sequence[int]) -> None:
        self._tokens = list(tokens)
        self.begun += 1

    async def next(self) -> Proposal | None:
        await asyncio.sleep(self._token_ms / 1e3)
        at = len(self._tokens)
        if at >= len(self._whole):
            return None
        on_track = self._tokens == self._whole[:at]
        token = self._whole[at] if on_track and self._right[at] else 901 + at % 50
        self._tokens.append(token)
        return Proposal(token)

    def stop(self) -> None:
        self.stopped = True


class FakeVerifier:
    """A greedy target with one processor: blocks are computed one after another; half of the round trip lies on each side."""

    def __init__(
        self,
        prompt: Sequence[int],
        reply: Sequence[int],
        *,
        rtt_ms: float,
        token_ms: float,
        prompt_ms: float = 0.0,
        verify_ms: float = 0.0,
        depth: int = 4,
    ) -> None:
        self.identity = Identity("fake", vocabulary_size=1000)
        self.depth = depth
        self._whole = [*prompt, *reply]
        self._half_s = rtt_ms / 2e3
        self._token_s, self._verify_s, self._prompt_s = token_ms / 1e3, verify_ms / 1e3, prompt_ms / 1e3
        self._free_at_s = 0.0
        self._known: list[int] | None = None
        self.blocks: list[Block] = []
        self.streams = 0

    async def verify(self, block: Block) -> DraftVerdict:
        self.blocks.append(block)
        await asyncio.sleep(self._half_s)
        compute_s = self._token_s + len(block.draft) * self._verify_s + self._take_prompt()
        verdict = self._judge(block)
        if verdict.stale:
            compute_s = 0.0
        await self._compute(compute_s)
        await asyncio.sleep(self._half_s)
        return DraftVerdict(verdict.accepted, verdict.tokens, compute_s * 1e3, verdict.stale)

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        self.streams += 1
        loop = asyncio.get_running_loop()
        began_s = loop.time() + self._half_s + self._take_prompt()
        at = list(prefix)
        for count in range(1, max_tokens + 1):
            arrives_s = began_s + count * self._token_s + self._half_s
            await asyncio.sleep(max(0.0, arrives_s - loop.time()))
            at.append(self.says(at))
            yield Chosen(at[-1], -0.5)
            if at[-1] == END:
                return

    def says(self, prefix: Sequence[int]) -> int:
        on_track = list(prefix) == self._whole[: len(prefix)] and len(prefix) < len(self._whole)
        return self._whole[len(prefix)] if on_track else 990

    def _take_prompt(self) -> float:
        prompt_s, self._prompt_s = self._prompt_s, 0.0
        return prompt_s

    def _judge(self, block: Block) -> DraftVerdict:
        if block.follows and self._known is not None:
            whole = [*block.prefix, *(proposal.token for proposal in block.draft)]
            known = min(len(self._known), len(whole))
            if whole[:known] != self._known[:known] or len(self._known) > len(whole):
                return DraftVerdict(0, (), stale=True)
        at, tokens = list(block.prefix), []
        accepted = 0
        for proposal in (*block.draft, None):
            if proposal is None and not block.bonus:
                break
            token = self.says(at)
            at.append(token)
            tokens.append(Chosen(token, -0.5))
            if proposal is None or token != proposal.token:
                break
            accepted += 1
            if token == END:
                break
        self._known = at
        return DraftVerdict(accepted, tuple(tokens))

    async def _compute(self, seconds: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self._free_at_s = max(now_s, self._free_at_s) + seconds
        await asyncio.sleep(self._free_at_s - now_s)
