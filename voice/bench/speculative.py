"""``voice bench speculative``: is the drafted answer the target's own, and what does drafting gain over plain streaming?

Strategy, in this order. *Losslessness*: each prompt is answered by the verifier's model alone and by draft-and-verify over a
real WebSocket, and compared token by token. *Chance*: real distributions of both models, cut to nine words, through the rule
that the verifier uses, against the target's own. *Clients*: one and eight at once. *Grid*: round trip × token time × kind of
task, the target's answers (recorded above) at the pace of a machine elsewhere (:mod:`voice.bench.paced`), plain streaming
beside it, prompt by prompt. *First audio*: the same, up to the first sample of the first clause.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voice.bench import speculative_parts as parts
from voice.bench.paced import FixedPlan, InBlocks, OfferedVerifier, PacedVerifier, Recorded
from voice.bench.speculative_prompts import prompts
from voice.config import Config, LlmConfig, VerifierConfig
from voice.cpu import cores
from voice.draft.acceptance import GREEDY
from voice.draft.edge import EdgeDrafter
from voice.draft.loop import Reply
from voice.draft.plan import Controller
from voice.draft.remote import RemoteVerifier
from voice.draft.terms import Account, Terms
from voice.draft.verifier import Verifier
from voice.llm.edge import EdgeChat, EdgeModel
from voice.stages import Message
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

Progress = Callable[[str, int, int], None]
CONTEXT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    prompts: int = 200
    reply_tokens: int = 32
    draws: int = 20_000
    rtts_ms: tuple[int, ...] = (0, 20, 40, 80, 150)
    tokens_ms: tuple[int, ...] = (10, 20, 30, 50)
    per_cell: int = 2
    first_audio: int = 30


QUICK = Size(prompts=20, reply_tokens=24, rtts_ms=(0, 40, 150), tokens_ms=(10, 30, 50), per_cell=1, first_audio=6)


async def run(config: Config, *, edge: Path, target: Path, size: Size, progress: Progress) -> dict[str, Any]:
    """Everything; keys as docs/drafting.md names them.

    Args:
        config: for the system prompt and the voice.
        edge: the GGUF that drafts.
        target: the GGUF that verifies.
        size: how much.
        progress: told what is done, how much of it, and of how much.

    Raises:
        VoiceError: a model is missing or does not run here.
    """
    found: dict[str, Any] = {"edge": edge.name, "target": target.name, "reply_tokens": size.reply_tokens}
    half = max(1, cores() // 2)  # the two models run at the same time here
    drafting = await asyncio.to_thread(_edge, config, edge, half)
    verifying = await asyncio.to_thread(
        Target, VerifierConfig(model=str(target), clients=9, context_tokens=CONTEXT_TOKENS, threads=half)
    )
    try:
        lossless, recorded = await _lossless(drafting, verifying, size, progress)
        found |= lossless
        found |= await parts.chance(drafting, target, recorded, draws=size.draws, progress=progress)
    finally:
        drafting.close()
        verifying.close()
    found["clients"] = await parts.clients(target, recorded, progress=progress)
    drafting = await asyncio.to_thread(_edge, config, edge, config.llm.threads)
    try:
        found |= await _grid(drafting, recorded, size, progress, found["acceptance"])
        found["first_audio_ms"] = await parts.first_audio(
            drafting, config.tts, recorded, count=size.first_audio, progress=progress
        )
    finally:
        drafting.close()
    return found


def _edge(config: Config, path: Path, threads: int) -> EdgeModel:
    return EdgeModel(
        LlmConfig(
            model=str(path),
            threads=threads,
            context_tokens=CONTEXT_TOKENS,
            conversations=2,
            system_prompt=config.llm.system_prompt,
        )
    )


def terms_of(drafting: EdgeModel, recorded: Recorded, count: int) -> Terms:
    """The usual terms: greedy, lossless, and patient, since the machine may be busy."""
    ends = drafting.runtime.ending_tokens()
    return Terms(recorded.prompt, count, ends.__contains__, whole_words=lambda _: 0, kind=recorded.kind, patience_ms=60_000)


# --- losslessness ------------------------------------------------------------------------------------------------------------


async def _lossless(
    drafting: EdgeModel, verifying: Target, size: Size, progress: Progress
) -> tuple[dict[str, Any], list[Recorded]]:
    """The same answers? And how much of the draft stands, by kind of task."""
    judge, chat = verifying.open(), drafting.open()
    recorded, different, accounts = [], [], list[Account]()
    config = verifying.config
    asked = prompts()[: size.prompts]
    async with VerifierServer(VerifierConfig(model=config.model, port=0, clients=9), verifying) as server:
        remote = await RemoteVerifier.connect(server.url)
        for number, (kind, text) in enumerate(asked):
            progress("the verifier alone, then drafted", number, len(asked))
            prompt = chat.prompt_tokens([Message("user", text)], max_tokens=size.reply_tokens)
            alone = [c async for c in judge.stream(prompt, max_tokens=size.reply_tokens, sampling=GREEDY)]
            record = Recorded(kind, tuple(prompt), tuple(c.token for c in alone))
            recorded.append(record)
            drafter = EdgeDrafter(chat, context_tokens=CONTEXT_TOKENS)
            way: Verifier = remote if number // 5 % 2 else InBlocks(remote)
            reply = Reply(drafter, way, FixedPlan(4, 3), terms_of(drafting, record, size.reply_tokens))
            drafted = [approved async for approved in reply.tokens()]
            accounts.append(reply.account)
            if tuple(a.token for a in drafted) != record.reply:
                at = next(
                    (i for i, (a, c) in enumerate(zip(drafted, alone, strict=False)) if a.token != c.token),
                    min(len(drafted), len(alone)),
                )
                apart = abs(drafted[at].logprob - alone[at].logprob) if at < min(len(drafted), len(alone)) else None
                different.append({"prompt": text, "at_token": at, "nats_apart": apart})
        bytes_per_token = (remote.sent_bytes + remote.received_bytes) / max(1, sum(a.approved for a in accounts))
        await remote.aclose()
    judge.close()
    chat.close()
    return {
        "lossless_greedy": {
            "prompts": len(asked),
            "identical": len(asked) - len(different),
            "different": different,
            "failures": [a.failure for a in accounts if a.failure],
        },
        "acceptance": acceptance_by_kind(recorded, accounts),
        "wire_bytes_per_token": round(bytes_per_token, 1),
    }, recorded


def acceptance_by_kind(recorded: Sequence[Recorded], accounts: Sequence[Account]) -> dict[str, Any]:
    """The share of judged draft tokens that stood: of all, and by kind."""
    by_kind: dict[str, list[int]] = {}
    for record, account in zip(recorded, accounts, strict=True):
        for kind in (record.kind, "overall"):
            sums = by_kind.setdefault(str(kind), [0, 0])
            sums[0] += account.accepted
            sums[1] += account.accepted + account.rejected
    return {kind: round(kept / judged, 4) for kind, (kept, judged) in sorted(by_kind.items()) if judged}


# --- the grid ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """Replies of one way, added up."""

    took_s: float = 0.0
    steady_s: float = 0.0
    tokens: int = 0
    cpu_s: float = 0.0
    bytes: int = 0


async def _answer(
    drafting: EdgeModel, chat: EdgeChat, controller: Controller, record: Recorded, verifier: Verifier, count: int
) -> tuple[Account, float, float, float]:
    """One reply: its account, the seconds it took, those after its first token, and the processor's."""
    drafter = EdgeDrafter(chat, context_tokens=CONTEXT_TOKENS)
    reply = Reply(drafter, verifier, controller, terms_of(drafting, record, count))
    began_s, cpu_s, first_s = time.perf_counter(), time.process_time(), 0.0
    async for _ in reply.tokens():
        first_s = first_s or time.perf_counter()
    end_s = time.perf_counter()
    return reply.account, end_s - began_s, end_s - first_s, time.process_time() - cpu_s


async def _grid(
    drafting: EdgeModel, recorded: Sequence[Recorded], size: Size, progress: Progress, acceptance: dict[str, float]
) -> dict[str, Any]:
    chat = drafting.open()
    kinds = sorted({record.kind for record in recorded})
    cells = [(rtt, token, kind) for token in size.tokens_ms for rtt in size.rtts_ms for kind in kinds]
    long = [record for record in recorded if len(record.reply) >= min(16, size.reply_tokens)]
    grid = []
    for number, (rtt_ms, token_ms, kind) in enumerate(cells):
        progress("round trips × token times × kinds", number, len(cells))
        mine = [record for record in long if record.kind == kind] or [record for record in recorded if record.kind == kind]
        controller = await _taught(drafting, chat, mine[-1], rtt_ms, token_ms, acceptance)
        grid.append(await _cell(drafting, chat, controller, mine[: size.per_cell], rtt_ms, token_ms, kind, size.reply_tokens))
    chat.close()
    speedups = [cell["speedup"] for cell in grid]
    return {
        "grid": grid,
        "min_speedup": min(speedups),
        "max_speedup": max(speedups),
        "max_steady_speedup": max(cell["steady_speedup"] for cell in grid),
        "draft_ms": round(statistics.median(cell["draft_ms"] for cell in grid), 2),
        "drafted_cells": sum(not cell["streams"] for cell in grid),
    }


async def _taught(
    drafting: EdgeModel, chat: EdgeChat, record: Recorded, rtt_ms: float, token_ms: float, acceptance: dict[str, float]
) -> Controller:
    """What a process that has run for a while knows: acceptance (kept in a file), the network, the edge's speed."""
    controller = Controller()
    for kind, rate in acceptance.items():
        controller.judged(kind, round(200 * rate), round(200 * (1 - rate)))
    controller.token.add(token_ms)
    controller.rtt.add(rtt_ms)
    for _ in range(2):
        verifier = OfferedVerifier(record, rtt_ms=rtt_ms, token_ms=token_ms)
        await _answer(drafting, chat, controller, record, verifier, 12)
    return controller


async def _cell(
    drafting: EdgeModel,
    chat: EdgeChat,
    controller: Controller,
    records: Sequence[Recorded],
    rtt_ms: float,
    token_ms: float,
    kind: str,
    count: int,
) -> dict[str, Any]:
    ways = {"streamed": _Run(), "drafted": _Run()}
    accounts = []
    for record in records:
        for name, way in ways.items():
            kind_of = PacedVerifier if name == "streamed" else OfferedVerifier
            verifier = kind_of(record, rtt_ms=rtt_ms, token_ms=token_ms)
            chosen = FixedPlan(0, 1) if name == "streamed" else controller
            account, took_s, steady_s, cpu_s = await _answer(drafting, chat, chosen, record, verifier, count)
            way.took_s += took_s
            way.steady_s += steady_s
            way.tokens += account.approved
            way.cpu_s += cpu_s
            way.bytes += verifier.bytes
            if name == "drafted":
                accounts.append(account)
    streamed, drafted = ways["streamed"], ways["drafted"]
    rounds = sum(account.rounds for account in accounts)
    first = accounts[0]
    return {
        "rtt_ms": rtt_ms,
        "token_ms": token_ms,
        "kind": str(kind),
        "streams": first.plan.streams and not first.switched,
        "expected": round(first.plan.gain, 3),
        "speedup": round(streamed.took_s / drafted.took_s, 3),
        "steady_speedup": round(streamed.steady_s / drafted.steady_s, 3),
        "tokens_per_offer": round(drafted.tokens / rounds, 2) if rounds else None,
        "bytes_per_token": round(drafted.bytes / max(1, drafted.tokens), 1),
        "wasted_per_token": round(sum(a.drafted - a.accepted for a in accounts) / max(1, drafted.tokens), 2),
        "edge_cpu_s_per_token": round(drafted.cpu_s / max(1, drafted.tokens), 4),
        "streamed_cpu_s_per_token": round(streamed.cpu_s / max(1, streamed.tokens), 4),
        "draft_ms": round(controller.draft.value_ms, 2),
        "right": all(account.by_edge == 0 and not account.failure for account in accounts),
    }


def mean_speedups(grid: Sequence[dict[str, Any]], key: str = "speedup") -> tuple[list[float], list[float], np.ndarray]:
    """Round trips, token times, and the mean over kinds: shape (token times, round trips)."""
    rtts = sorted({cell["rtt_ms"] for cell in grid})
    tokens = sorted({cell["token_ms"] for cell in grid})
    table = np.array(
        [[np.mean([c[key] for c in grid if c["rtt_ms"] == rtt and c["token_ms"] == token]) for rtt in rtts] for token in tokens]
    )
    return rtts, tokens, table


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that answer the questions, for a table."""
    lossless, clients = found["lossless_greedy"], found["clients"]
    return {
        "token-identical prompts": f"{lossless['identical']} of {lossless['prompts']}",
        "χ²: the rule / first choices / a wrong rule": " / ".join(
            f"{found[k]:.2g}" for k in ("chi2_p", "chi2_p_one_hot", "chi2_p_wrong")
        ),
        "acceptance": f"{found['acceptance']['overall']:.1%}",
        "speed against streaming, least / most": f"{found['min_speedup']:.2f} / {found['max_speedup']:.2f}",
        "after the first token, most": f"{found['max_steady_speedup']:.2f}",
        "8 clients: throughput with a network / saturated": " / ".join(
            f"{clients[key]:.1f}" for key in ("throughput_ratio", "saturated_ratio")
        ),
        "8 clients: unchanged replies": f"{clients['unchanged']} of {clients['replies']}",
        "first audio, round trip ≤ 80 ms, p95": " / ".join(
            f"{name} {found['first_audio_ms'][name].get('p95', '–')}" for name in ("streamed", "lossless", "eager")
        ),
    }


def plot(found: dict[str, Any], path: Path) -> None:
    """Speed against plain streaming: round trip × token time, measured beside expected; nothing without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    for axes, key, title in zip(both, ("steady_speedup", "expected"), ("measured", "expected"), strict=True):
        rtts, tokens, table = mean_speedups(found["grid"], key)
        image = axes.imshow(table, origin="lower", aspect="auto", cmap="RdYlGn", vmin=0.5, vmax=max(2.5, float(table.max())))
        axes.set_xticks(range(len(rtts)), [f"{rtt:g}" for rtt in rtts])
        axes.set_yticks(range(len(tokens)), [f"{token:g}" for token in tokens])
        axes.set_xlabel("round trip, ms")
        axes.set_title(f"{title}: tokens a second against plain streaming")
        for row in range(len(tokens)):
            for column in range(len(rtts)):
                axes.text(column, row, f"{table[row, column]:.2f}", ha="center", va="center")
        figure.colorbar(image, ax=axes)
    both[0].set_ylabel("verifier's time for a token, ms")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
