"""The grid of ``voice bench speculative``: round trip × token time × kind of task, drafted beside streamed.

Strategy: each cell answers one recorded reply several times, streamed and drafted by turns, and compares the medians: a stall
of the machine then costs one repeat and not the cell. Cells of a kind take its replies by turns. A cell begins with what a
process that has run for a while knows: acceptance and calibration, the network, the edge's speed.
"""

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voice.bench.speculative.paced_verifier import FixedPlan, OfferedVerifier, PacedVerifier, Recorded
from voice.draft.confidence import DraftCalibration
from voice.draft.edge import EdgeDrafter
from voice.draft.loop import DraftedReply
from voice.draft.plan import Controller
from voice.draft.reply_options import DraftTally, ReplyOptions
from voice.draft.verifier import Verifier
from voice.llm.edge import EdgeChat, EdgeModel

Progress = Callable[[str, int, int], None]
WORTH_SHOWING = 2.0
"""The speed that is the goal where the formula allows it."""


@dataclass(frozen=True, slots=True)
class Axes:
    """What is measured: cells, replies of ``reply_tokens``, and how often."""

    rtts_ms: tuple[int, ...]
    tokens_ms: tuple[int, ...]
    reply_tokens: int
    repeats: int


@dataclass(slots=True)
class _Runs:
    """One reply, several times, in one way."""

    took_s: list[float] = field(default_factory=list)
    steady_s: list[float] = field(default_factory=list)
    """Of it, behind the first token."""
    cpu_s: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    accounts: list[DraftTally] = field(default_factory=list)

    def per_token(self, values: Sequence[float]) -> float:
        return sum(values) / max(1, sum(account.approved for account in self.accounts))


def terms_of(drafting: EdgeModel, recorded: Recorded, count: int) -> ReplyOptions:
    """The usual terms: greedy, lossless, and patient, since the machine may be busy."""
    ends = drafting.runtime.ending_tokens()
    return ReplyOptions(
        recorded.prompt, count, ends.__contains__, whole_words=lambda _: 0, kind=recorded.kind, patience_ms=60_000
    )


async def grid(
    drafting: EdgeModel,
    recorded: Sequence[Recorded],
    axes: Axes,
    agreement: dict[str, float],
    calibration: DraftCalibration,
    *,
    progress: Progress,
) -> dict[str, Any]:
    """All cells, and the least and the most of them.

    Args:
        drafting: the edge model.
        recorded: the target's replies, of several kinds.
        axes: the cells.
        agreement: by kind, and over all, as it was measured before.
        calibration: as it was learnt before.
        progress: told what is done.
    """
    chat = drafting.open()
    bench = _Bench(drafting, chat, axes, agreement, calibration)
    kinds = sorted({record.kind for record in recorded})
    cells = [(rtt, token, kind) for token in axes.tokens_ms for rtt in axes.rtts_ms for kind in kinds]
    long = [record for record in recorded if len(record.reply) >= min(16, axes.reply_tokens)]
    found = []
    try:
        for number, (rtt_ms, token_ms, kind) in enumerate(cells):
            progress("round trips × token times × kinds", number, len(cells))
            mine = [record for record in long if record.kind == kind] or [record for record in recorded if record.kind == kind]
            found.append(await bench.cell(mine[number // len(kinds) % len(mine)], float(rtt_ms), float(token_ms)))
    finally:
        chat.close()
    return {"grid": found, **_extremes(found)}


def _extremes(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    allowed = [cell["steady_speedup"] for cell in cells if cell["expected"] >= WORTH_SHOWING]
    return {
        "min_speedup": min(cell["speedup"] for cell in cells),
        "max_speedup": max(cell["speedup"] for cell in cells),
        "max_steady_speedup": max(cell["steady_speedup"] for cell in cells),
        "two_allowed_cells": len(allowed),
        "two_reached_cells": sum(speedup >= WORTH_SHOWING for speedup in allowed),
        "two_allowed_median_speedup": round(statistics.median(allowed), 3) if allowed else None,
        "draft_ms": round(statistics.median(cell["draft_ms"] for cell in cells), 2),
        "drafted_cells": sum(not cell["streams"] for cell in cells),
    }


class _Bench:
    """One edge model and its conversation, over the cells."""

    def __init__(
        self, drafting: EdgeModel, chat: EdgeChat, axes: Axes, agreement: dict[str, float], calibration: DraftCalibration
    ) -> None:
        self._drafting = drafting
        self._chat = chat
        self._axes = axes
        self._agreement = agreement
        self._calibration = calibration

    async def cell(self, record: Recorded, rtt_ms: float, token_ms: float) -> dict[str, Any]:
        """One of them."""
        controller = await self._taught(record, rtt_ms, token_ms)
        streamed, drafted = _Runs(), _Runs()
        for _ in range(self._axes.repeats):
            await self._answer(streamed, FixedPlan(0, 1), record, PacedVerifier(record, rtt_ms=rtt_ms, token_ms=token_ms))
            await self._answer(drafted, controller, record, OfferedVerifier(record, rtt_ms=rtt_ms, token_ms=token_ms))
        accounts = drafted.accounts
        return {
            "rtt_ms": rtt_ms,
            "token_ms": token_ms,
            "kind": str(record.kind),
            "tokens": accounts[0].approved,
            "streams": accounts[0].plan.streams and not accounts[0].switched,
            "expected": round(statistics.median(account.plan.gain for account in accounts), 3),
            "speedup": round(statistics.median(streamed.took_s) / statistics.median(drafted.took_s), 3),
            "steady_speedup": round(statistics.median(streamed.steady_s) / statistics.median(drafted.steady_s), 3),
            "streamed_s": [round(took_s, 4) for took_s in streamed.took_s],
            "drafted_s": [round(took_s, 4) for took_s in drafted.took_s],
            "tokens_per_offer": round(1 / drafted.per_token([a.rounds for a in accounts]), 2)
            if any(a.rounds for a in accounts)
            else None,
            "bytes_per_token": round(drafted.per_token(drafted.bytes), 1),
            "streamed_bytes_per_token": round(streamed.per_token(streamed.bytes), 1),
            "wasted_per_token": round(drafted.per_token([a.drafted - a.accepted for a in accounts]), 2),
            "edge_cpu_s_per_token": round(drafted.per_token(drafted.cpu_s), 4),
            "streamed_cpu_s_per_token": round(streamed.per_token(streamed.cpu_s), 4),
            "draft_ms": round(controller.draft.value_ms, 2),
            "right": all(account.by_edge == 0 and not account.failure for account in accounts),
        }

    async def _taught(self, record: Recorded, rtt_ms: float, token_ms: float) -> Controller:
        controller = Controller()
        controller.calibration = copy.deepcopy(self._calibration)
        for kind, rate in self._agreement.items():
            controller.judged(kind, round(200 * rate), round(200 * (1 - rate)))
        controller.token.add(token_ms)
        controller.rtt.add(rtt_ms)
        await self._answer(
            _Runs(), controller, record, OfferedVerifier(record, rtt_ms=rtt_ms, token_ms=token_ms), max_tokens=12
        )
        return controller

    async def _answer(
        self, runs: _Runs, controller: Controller, record: Recorded, verifier: Verifier, *, max_tokens: int | None = None
    ) -> None:
        drafter = EdgeDrafter(self._chat, context_tokens=self._drafting.config.context_tokens)
        terms = terms_of(self._drafting, record, max_tokens or self._axes.reply_tokens)
        reply = DraftedReply(drafter, verifier, controller, terms)
        began_s, cpu_s, first_s = time.perf_counter(), time.process_time(), 0.0
        async for _ in reply.tokens():
            first_s = first_s or time.perf_counter()
        end_s = time.perf_counter()
        runs.took_s.append(end_s - began_s)
        runs.steady_s.append(max(1e-6, end_s - first_s))
        runs.cpu_s.append(time.process_time() - cpu_s)
        runs.bytes.append(getattr(verifier, "bytes", 0))
        runs.accounts.append(reply.account)


def mean_speedups(cells: Sequence[dict[str, Any]], key: str = "speedup") -> tuple[list[float], list[float], np.ndarray]:
    """Round trips, token times, and the mean over kinds: shape (token times, round trips)."""
    rtts = sorted({cell["rtt_ms"] for cell in cells})
    tokens = sorted({cell["token_ms"] for cell in cells})
    table = np.array(
        [
            [np.mean([cell[key] for cell in cells if (cell["rtt_ms"], cell["token_ms"]) == (rtt, token)]) for rtt in rtts]
            for token in tokens
        ]
    )
    return rtts, tokens, table


def plot(found: dict[str, Any], path: Path) -> None:
    """Speed against plain streaming: round trip × token time, measured beside expected; nothing without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return
    mpl.use("Agg")
    from matplotlib import colors, pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    tables = [mean_speedups(found["grid"], key) for key in ("steady_speedup", "expected")]
    most = max(2.5, *(float(table.max()) for _, _, table in tables))
    for axes, (rtts, tokens, table), title in zip(both, tables, ("measured", "expected"), strict=True):
        image = axes.imshow(table, origin="lower", aspect="auto", cmap="RdYlGn", norm=colors.TwoSlopeNorm(1, 0.5, most))
        axes.set_xticks(range(len(rtts)), [f"{rtt:g}" for rtt in rtts])
        axes.set_yticks(range(len(tokens)), [f"{token:g}" for token in tokens])
        axes.set_xlabel("round trip, ms")
        axes.set_title(title)
        for row in range(len(tokens)):
            for column in range(len(rtts)):
                weight = "bold" if table[row, column] >= WORTH_SHOWING else "normal"
                axes.text(column, row, f"{table[row, column]:.2f}", ha="center", va="center", weight=weight)
    figure.suptitle("tokens a second behind the first, against plain streaming; mean over kinds of task")
    figure.colorbar(image, ax=both)
    both[0].set_ylabel("verifier's time for a token, ms")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
