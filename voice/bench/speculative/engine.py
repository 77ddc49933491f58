"""``voice bench speculative --engine``: drafting for an inference server that runs, against the same server streaming.

Strategy: nothing is simulated. Each prompt is answered by the server alone, streamed; by draft and verify with blocks that are
always sent; and as the controller would have it, which streams where drafting is not worth it. The first two say whether the
answers are the same, and all three how long they took. Then single tokens of a sampled target are drawn, by the server itself
and through the rule, and both are held against the server's own distribution.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voice.bench.speculative import chi2
from voice.bench.speculative.paced_verifier import FixedPlan, InBlocks, Recorded
from voice.bench.speculative.prompts import prompts as all_prompts
from voice.bench.speculative.speculative import acceptance_by_kind
from voice.core.config import Config, LlmConfig
from voice.core.errors import VerifierError
from voice.core.interfaces import Message
from voice.draft.acceptance import GREEDY, Sampling
from voice.draft.connect import connector
from voice.draft.edge import EdgeDrafter, identity_of
from voice.draft.loop import DraftedReply
from voice.draft.plan import Controller
from voice.draft.reply_options import Approved, DraftTally, ReplyOptions
from voice.draft.verifier import Block, Chosen, Verifier
from voice.draft.vocabulary import compare
from voice.llm.edge import EdgeChat, EdgeModel

Progress = Callable[[str, int, int], None]
CONTEXT_TOKENS = 512
TIE_NATS = 0.1
"""Answers that part where both tokens are this near to each other part by rounding: the engine's kernels differ."""
BLOCK_TOKENS = 4
REPLY_TOKENS = 32
DRAWS = 100
HOT = Sampling(1.0, top_k=9, top_p=0.95)
PLACES = 4
"""Places in replies where tokens of a sampled target are drawn."""


@dataclass(slots=True)
class DecodingWay:
    """Replies of one way of answering."""

    took_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    accounts: list[DraftTally] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Of all replies."""
        return sum(self.counts)

    def figures(self) -> dict[str, Any]:
        """For the JSON file. Times in milliseconds."""
        return {
            "token_ms": round(1e3 * sum(self.took_s) / max(1, self.tokens), 1),
            "first_token_ms": round(1e3 * statistics.median(self.first_s), 1),
            "tokens": self.tokens,
        }


async def run(config: Config, *, edge: Path, prompts: int, progress: Progress) -> dict[str, Any]:
    """Everything; keys as docs/drafting.md names them.

    Args:
        config: for the system prompt, and who verifies (``draft``). The server must share the edge model's vocabulary.
        edge: the GGUF that drafts.
        prompts: how many are answered.
        progress: told what is done, how much of it, and of how much.

    Raises:
        VoiceError: a model is missing, or the server is, fails, or cannot be drafted for.
    """
    verifier = await connector(config.draft)()
    try:
        drafting = await asyncio.to_thread(_edge, config, edge)
        try:
            match = compare(identity_of(drafting), verifier.identity, trusted=True)
            if match.match != "token":
                raise VerifierError(match.why)
            found = await measure(drafting, verifier, prompts=prompts, draws=min(DRAWS, 5 * prompts), progress=progress)
        finally:
            drafting.close()
    finally:
        await getattr(verifier, "aclose")()  # noqa: B009 (each engine has it, the protocol of two methods does not)
    who = verifier.identity
    return {"edge": edge.name, "engine": config.draft.engine, "target": who.model, "version": who.version, **found}


def _edge(config: Config, path: Path) -> EdgeModel:
    llm = config.llm
    return EdgeModel(LlmConfig(str(path), threads=llm.threads, context_tokens=CONTEXT_TOKENS, system_prompt=llm.system_prompt))


async def measure(drafting: EdgeModel, verifier: Verifier, *, prompts: int, draws: int, progress: Progress) -> dict[str, Any]:
    """The figures for one pair of models; ``draws`` of single tokens at each place, either way."""
    chat = drafting.open()
    try:
        found, recorded = await _replies(drafting, chat, InBlocks(verifier), prompts, progress)
        return found | await _chance(drafting, chat, verifier, recorded, draws, progress)
    finally:
        chat.close()


async def _replies(
    drafting: EdgeModel, chat: EdgeChat, verifier: Verifier, count: int, progress: Progress
) -> tuple[dict[str, Any], list[Recorded]]:
    ways = {"streamed": DecodingWay(), "blocks": DecodingWay(), "planned": DecodingWay()}
    recorded, different = [], list[dict[str, Any]]()
    controller = Controller()
    controller.rtt.add(max(0.1, verifier.identity.rtt_ms))
    asked, ends = all_prompts()[:count], drafting.runtime.ending_tokens()
    for number, (kind, text) in enumerate(asked):
        progress("streamed, in blocks, as planned", number, len(asked))
        prompt = tuple(chat.prompt_tokens([Message("user", text)], max_tokens=REPLY_TOKENS))
        alone = await _streamed(verifier, prompt, REPLY_TOKENS, ways["streamed"])
        record = Recorded(kind, prompt, tuple(chosen.token for chosen in alone))
        recorded.append(record)
        terms = ReplyOptions(prompt, REPLY_TOKENS, ends.__contains__, whole_words=lambda _: 0, kind=kind, patience_ms=60_000)
        for name, plan in (("blocks", FixedPlan(BLOCK_TOKENS, 1)), ("planned", controller)):
            reply = DraftedReply(EdgeDrafter(chat, context_tokens=CONTEXT_TOKENS), verifier, plan, terms)
            drafted = await _drafted(reply, ways[name])
            if difference := apart(alone, drafted):
                different.append({"prompt": text, "way": name, **difference})
        _teach(controller, ways["streamed"])
    blocks = ways["blocks"].accounts
    return {
        "lossless_greedy": losslessness(len(asked), different, [a for way in ways.values() for a in way.accounts]),
        "acceptance": acceptance_by_kind(recorded, blocks),
        "tokens_per_round": round(ways["blocks"].tokens / max(1, sum(a.rounds for a in blocks)), 2),
        "ways": {name: way.figures() for name, way in ways.items()},
        "speedup_blocks": _speedup(ways["streamed"], ways["blocks"]),
        "speedup_planned": _speedup(ways["streamed"], ways["planned"]),
        "planned_streams": sum(a.plan.streams and not a.switched for a in ways["planned"].accounts),
        "rtt_ms": round(verifier.identity.rtt_ms, 1),
    }, recorded


async def _streamed(verifier: Verifier, prompt: Sequence[int], count: int, way: DecodingWay) -> list[Chosen]:
    began_s, found = time.perf_counter(), list[Chosen]()
    async for chosen in verifier.stream(prompt, max_tokens=count, sampling=GREEDY):
        if not found:
            way.first_s.append(time.perf_counter() - began_s)
        found.append(chosen)
    way.took_s.append(time.perf_counter() - began_s)
    way.counts.append(len(found))
    return found


async def _drafted(reply: DraftedReply, way: DecodingWay) -> list[Approved]:
    found = [approved async for approved in reply.tokens()]
    way.took_s.append(reply.account.took_ms / 1e3)
    way.first_s.append(reply.account.first_ms / 1e3)
    way.counts.append(len(found))
    way.accounts.append(reply.account)
    return found


def _teach(controller: Controller, streamed: DecodingWay) -> None:
    """What a token of plain streaming took in the last reply, behind the first."""
    count = streamed.counts[-1]
    if count > 1:
        controller.token.add(1e3 * (streamed.took_s[-1] - streamed.first_s[-1]) / (count - 1))


def _speedup(streamed: DecodingWay, drafted: DecodingWay) -> float:
    return round((sum(streamed.took_s) / max(1, streamed.tokens)) / (sum(drafted.took_s) / max(1, drafted.tokens)), 3)


def apart(alone: Sequence[Chosen], drafted: Sequence[Approved]) -> dict[str, Any] | None:
    """Where a drafted reply parts from the target's own, and by how much; None where it does not."""
    mine, theirs = [approved.token for approved in drafted], [chosen.token for chosen in alone]
    if mine == theirs:
        return None
    shorter = min(len(mine), len(theirs))
    at = next((i for i in range(shorter) if mine[i] != theirs[i]), shorter)
    nats = abs(drafted[at].logprob - alone[at].logprob) if at < shorter else None
    return {"at_token": at, "nats_apart": None if nats is None else round(nats, 4)}


def losslessness(asked: int, different: Sequence[dict[str, Any]], accounts: Sequence[DraftTally]) -> dict[str, Any]:
    """The count of identical replies, numerical ties told from real differences."""
    ties = [entry for entry in different if entry["nats_apart"] is not None and entry["nats_apart"] < TIE_NATS]
    return {
        "prompts": asked,
        "replies": len(accounts),
        "identical": len(accounts) - len(different),
        "ties": len(ties),
        "different": list(different),
        "failures": [account.failure for account in accounts if account.failure],
    }


# --- a sampled target --------------------------------------------------------------------------------------------------------


async def _chance(
    drafting: EdgeModel, chat: EdgeChat, verifier: Verifier, recorded: Sequence[Recorded], draws: int, progress: Progress
) -> dict[str, Any]:
    """Whether tokens through the rule, and the server's own, come from the same distribution: two-sample χ²."""
    rng = random.Random(5)  # noqa: S311 (places, not secrets)
    drafter = EdgeDrafter(chat, context_tokens=drafting.config.context_tokens, sampling=HOT)
    total, degrees = 0.0, 0
    for number in range(PLACES):
        record = recorded[rng.randrange(len(recorded))]
        prefix = (*record.prompt, *record.reply[: rng.randrange(max(1, len(record.reply) - 1))])
        own, ruled = list[int](), list[int]()
        for draw in range(draws):
            progress("tokens of a sampled target", number * draws + draw, PLACES * draws)
            own += [chosen.token async for chosen in verifier.stream(prefix, max_tokens=1, sampling=HOT)]
            drafter.begin(prefix)
            proposal = await drafter.next()
            block = Block(prefix, (proposal,) if proposal is not None else (), HOT, bonus=proposal is None)
            ruled.append((await verifier.verify(block)).tokens[0].token)
        value, free = two_samples(own, ruled)
        total, degrees = total + value, degrees + free
    drafter.stop()
    return {"chi2_p": float(chi2.tail(total, degrees)), "chi2_draws": 2 * PLACES * draws}


def two_samples(one: Sequence[int], other: Sequence[int]) -> tuple[float, int]:
    """χ² of homogeneity of two samples of equal size, and its degrees of freedom; tokens seen less than ten times are one."""
    tokens = sorted({*one, *other})
    table = np.array([[sample.count(token) for token in tokens] for sample in (list(one), list(other))], dtype=np.float64)
    rare = table.sum(axis=0) < 10
    table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    wanted = table.sum(axis=0) / 2
    return float(((table - wanted) ** 2 / wanted).sum()), table.shape[1] - 1


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that answer the questions, for a table."""
    lossless, ways = found["lossless_greedy"], found["ways"]
    return {
        "drafted replies identical / ties / other": " / ".join(
            str(n)
            for n in (
                lossless["identical"],
                lossless["ties"],
                lossless["replies"] - lossless["identical"] - lossless["ties"],
            )
        ),
        "replies the edge had to finish": len(lossless["failures"]),
        "acceptance": f"{found['acceptance'].get('overall', 0):.1%}",
        "tokens a round": found["tokens_per_round"],
        "a token: streamed / in blocks / as planned, ms": " / ".join(str(ways[name]["token_ms"]) for name in ways),
        "first token: the same, ms": " / ".join(str(ways[name]["first_token_ms"]) for name in ways),
        "speed against streaming: in blocks / as planned": f"{found['speedup_blocks']} / {found['speedup_planned']}",
        "replies that the plan streamed": f"{found['planned_streams']} of {lossless['prompts']}",
        "sampled, χ² against the server's own draws": f"{found['chi2_p']:.2g}" if "chi2_p" in found else "–",
    }
