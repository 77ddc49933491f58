"""``voice bench speculative``: is the drafted answer the target's own, and what does drafting gain over plain streaming?

Strategy, in this order. *Losslessness*: each prompt is answered by the verifier's model alone and by draft-and-verify over a
real WebSocket, and compared token by token. *Chance*: real distributions of both models, cut to nine words, through the rule
that the verifier uses, against the target's own. *Clients*: one and eight at once. *Grid*: round trip × token time × kind of
task, the target's answers (recorded above) at the pace of a machine elsewhere (:mod:`.paced_verifier`), plain streaming
beside it. *First audio*: the same, up to the first sample of the first clause.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice.bench.report import machine
from voice.bench.speculative import parts
from voice.bench.speculative.clients import clients
from voice.bench.speculative.grid import Axes, Progress, grid, plot, terms_of
from voice.bench.speculative.paced_verifier import FixedPlan, InBlocks, Recorded
from voice.bench.speculative.prompts import prompts
from voice.core.config import Config, LlmConfig, VerifierConfig
from voice.core.cpu import cores
from voice.core.interfaces import Message
from voice.draft.acceptance import GREEDY
from voice.draft.confidence import DraftCalibration
from voice.draft.edge import EdgeDrafter
from voice.draft.loop import DraftedReply
from voice.draft.remote import RemoteVerifier
from voice.draft.reply_options import DraftTally
from voice.draft.verifier import Verifier
from voice.llm.edge import EdgeModel
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

__all__ = ["QUICK", "RunSize", "figures", "plot", "run"]

CONTEXT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class RunSize:
    """How much is measured."""

    prompts: int = 200
    reply_tokens: int = 32
    draws: int = 20_000
    rtts_ms: tuple[int, ...] = (0, 20, 40, 80, 150)
    tokens_ms: tuple[int, ...] = (10, 20, 30, 50)
    repeats: int = 3
    first_audio: int = 30


QUICK = RunSize(prompts=20, reply_tokens=24, rtts_ms=(0, 80), tokens_ms=(10, 30, 50), first_audio=9)


async def run(config: Config, *, edge: Path, target: Path, size: RunSize, progress: Progress) -> dict[str, Any]:
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
    found["machine"] = machine()
    half = max(1, cores() // 2)  # the two models run at the same time here
    drafting = await asyncio.to_thread(_edge, config, edge, half)
    verifying = await asyncio.to_thread(
        Target, VerifierConfig(model=str(target), clients=9, context_tokens=CONTEXT_TOKENS, threads=half)
    )
    try:
        lossless, recorded, calibration = await _lossless(drafting, verifying, size, progress)
        found |= lossless
        found |= await parts.chance(drafting, target, recorded, draws=size.draws, progress=progress)
    finally:
        drafting.close()
        verifying.close()
    found["clients"] = await clients(target, recorded, progress=progress)
    drafting = await asyncio.to_thread(_edge, config, edge, config.llm.threads)
    try:
        axes = Axes(size.rtts_ms, size.tokens_ms, size.reply_tokens, size.repeats)
        found |= await grid(drafting, recorded, axes, found["agreement"], calibration, progress=progress)
        found["first_audio_ms"] = await parts.first_audio(
            drafting, config.tts, recorded, calibration, count=size.first_audio, progress=progress
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


# --- losslessness ------------------------------------------------------------------------------------------------------------


async def _lossless(
    drafting: EdgeModel, verifying: Target, size: RunSize, progress: Progress
) -> tuple[dict[str, Any], list[Recorded], DraftCalibration]:
    """The same answers? And how much of the draft stands, by kind of task."""
    judge, chat = verifying.open(), drafting.open()
    recorded, different, accounts = [], [], list[DraftTally]()
    config = verifying.config
    asked = prompts()[: size.prompts]
    learning = FixedPlan(4, 3)
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
            reply = DraftedReply(drafter, way, learning, terms_of(drafting, record, size.reply_tokens))
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
    figures = {
        "lossless_greedy": {
            "prompts": len(asked),
            "identical": len(asked) - len(different),
            "different": different,
            "failures": [a.failure for a in accounts if a.failure],
        },
        "acceptance": acceptance_by_kind(recorded, accounts),
        "agreement": acceptance_by_kind(recorded, accounts, of_sent=False),
        "sent_from_confidence": learning.calibration.send_from,
        "wire_bytes_per_token": round(bytes_per_token, 1),
    }
    return figures, recorded, learning.calibration


def acceptance_by_kind(
    recorded: Sequence[Recorded], accounts: Sequence[DraftTally], *, of_sent: bool = True
) -> dict[str, float]:
    """The share of draft tokens that stood, of all and by kind: of those sent for judgement, or of all that were compared."""
    by_kind: dict[str, list[int]] = {}
    for record, account in zip(recorded, accounts, strict=True):
        stood = account.sent_accepted if of_sent else account.accepted
        fell = account.sent_rejected if of_sent else account.rejected
        for kind in (record.kind, "overall"):
            sums = by_kind.setdefault(str(kind), [0, 0])
            sums[0] += stood
            sums[1] += stood + fell
    return {kind: round(stood / judged, 4) for kind, (stood, judged) in sorted(by_kind.items()) if judged}


# --- the result -----------------------------------------------------------------------------------------------------------


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that answer the questions, for a table."""
    lossless, served = found["lossless_greedy"], found["clients"]
    return {
        "token-identical prompts": f"{lossless['identical']} of {lossless['prompts']}",
        "χ²: the rule / first choices / a wrong rule": " / ".join(
            f"{found[k]:.2g}" for k in ("chi2_p", "chi2_p_one_hot", "chi2_p_wrong")
        ),
        "acceptance of what is sent (agreement of all drafted)": " / ".join(
            f"{found[key]['overall']:.1%}" for key in ("acceptance", "agreement")
        ),
        "speed against streaming, least / most": f"{found['min_speedup']:.2f} / {found['max_speedup']:.2f}",
        "after the first token, most": f"{found['max_steady_speedup']:.2f}",
        "cells where the formula allows 2×: reached / all, median": (
            f"{found['two_reached_cells']} / {found['two_allowed_cells']}, {found['two_allowed_median_speedup'] or '–'}"
        ),
        "8 clients: throughput of blocks with a network / saturated / of streams": " / ".join(
            f"{served['exact'][key]['ratio']:.1f}" for key in ("networked", "saturated", "streamed")
        ),
        "the same, not exact": " / ".join(
            f"{served['not_exact'][key]['ratio']:.1f}" for key in ("networked", "saturated", "streamed")
        ),
        "8 clients: unchanged replies": f"{served['exact']['unchanged']} of {served['exact']['replies']}",
        "first audio, round trip ≤ 80 ms, p95": " / ".join(
            f"{name} {found['first_audio_ms'][name].get('p95', '–')}" for name in ("streamed", "lossless", "eager")
        ),
    }
