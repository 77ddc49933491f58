"""Speech synthesis: how soon a clause is heard, streamed against whole, and whether the stream is worth hearing.

Every clause is spoken three ways in turn, in the same run: streamed; encoded and decoded as a whole by the same cut voice on
the same latent (the largest difference of a sample is reported); and by the voice's uncut graph, which is what an application
without streaming waits for. Nothing is remembered between clauses.
"""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from voice import models
from voice.bench import report
from voice.core.config import TtsConfig
from voice.tts.piper import PiperSynthesizer, seam_error
from voice.tts.split import Parts
from voice.tts.vits import Vits

CLAUSES = (
    "The capital of France,",
    "I can help you with that.",
    "It is half past ten.",
    "Let me think about that,",
    "That is a good question.",
    "Your timer is set for ten minutes.",
    "Today will be mostly sunny,",
    "The nearest station is closed,",
    "I have turned off the lights.",
    "Here is what I found:",
    "You have three new messages.",
    "Yes, that sounds right.",
    "Water boils at 100 degrees,",
    "Photosynthesis is the process plants use",
    "The answer is forty two.",
    "I am not sure about that,",
    "Please say that again.",
    "The first train leaves at 7 oh 5,",
    "Two plus two equals four.",
    "Playing your favourite song.",
)
"""First clauses of three to seven words: what a listener waits for."""

TARGET_FIRST_AUDIO_MS = 60.0

OPENERS = ("Sure,", "Yes.", "No,", "Okay.", "Of course,")
SENTENCES = (
    "The capital of France is Paris, which lies on the river Seine in the north of the country.",
    "I would be happy to help you with that, but first I need to know a few more things about your plans.",
    "The weather tomorrow will be cloudy in the morning, with some sunshine in the afternoon and rain at night.",
    "To make an omelette, beat three eggs with a pinch of salt, melt some butter in a pan and pour the eggs in.",
    "The meeting has been moved to three o'clock on Thursday because the room was already taken in the morning.",
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One clause, streamed.

    Attributes:
        first_audio_ms: until the first chunk was there.
        total_ms: until the last one was.
        audio_ms: how long it sounds.
        slack_ms: the least time that audio was ready before playback (begun with the first chunk) needed it.
        seam: the greatest step between neighbouring samples at a seam, relative to the greatest elsewhere; 0 without seams.
    """

    first_audio_ms: float
    total_ms: float
    audio_ms: float
    slack_ms: float
    seam: float


def bench_tts(
    json_path: Path | None = None, *, config: TtsConfig | None = None, repeats: int = 3, limit: int | None = None
) -> dict[str, Any]:
    """Run the benchmark, print its table, write its JSON; what the command line calls.

    Args:
        json_path: where to write the result.
        config: of the synthesiser.
        repeats: times that each clause is spoken.
        limit: at most this many clauses of each group.

    Raises:
        ModelError: the voice is missing or damaged.
    """
    found = asyncio.run(run(config or TtsConfig(), repeats=repeats, limit=limit))
    _show(found)
    if json_path is not None:
        report.write_json(json_path, found)
    return found


async def run(config: TtsConfig, *, repeats: int = 3, limit: int | None = None) -> dict[str, Any]:
    """Measure and sum up. ``first_audio_ms`` and ``ratio`` are those of first clauses; openers and sentences stand apart."""
    settings = {name: getattr(config, name) for name in config.__struct_fields__} | {"remember_clauses": 0}
    piper = PiperSynthesizer(TtsConfig(**settings))
    uncut = Vits(Parts(models.locate(config.model), (), piper.vits.hop_samples, ""), threads=config.threads)
    try:
        groups = {"clauses": CLAUSES[:limit], "openers": OPENERS[:limit], "sentences": SENTENCES[:limit]}
        spoken: dict[str, list[Spoken]] = {name: [] for name in groups}
        whole_ms: dict[str, list[float]] = {name: [] for name in groups}
        for _ in range(repeats):
            for name, texts in groups.items():
                for text in texts:
                    spoken[name].append(await _streamed(piper, text))
                    whole_ms[name].append(await asyncio.to_thread(partial(_whole_ms, piper, uncut, text)))
        difference = max(_difference(piper, text) for texts in groups.values() for text in texts)
    finally:
        piper.close()
    return _result(spoken, whole_ms, difference, config)


async def _streamed(piper: PiperSynthesizer, text: str) -> Spoken:
    began = time.perf_counter()
    arrived, pieces = [], []
    async with aclosing(piper.stream(text)) as chunks:
        async for chunk in chunks:
            arrived.append((time.perf_counter() - began) * 1000)
            pieces.append(chunk.samples)
    per_ms = piper.sample_rate_hz / 1000
    ends = np.cumsum([len(piece) for piece in pieces])
    needed = [arrived[0] + float(end) / per_ms for end in ends[:-1]]  # when playback reaches each next chunk
    slack = min((due - came for due, came in zip(needed, arrived[1:], strict=True)), default=float("inf"))
    steps = np.abs(np.diff(np.concatenate(pieces)))
    seams = ends[:-1] - 1
    elsewhere = float(np.delete(steps, seams).max())
    seam = float(steps[seams].max()) / elsewhere if len(seams) else 0.0
    return Spoken(arrived[0], arrived[-1], float(ends[-1]) / per_ms, slack, seam)


def _whole_ms(piper: PiperSynthesizer, uncut: Vits, text: str) -> float:
    began = time.perf_counter()
    for piece in piper.phonemizer.passes(text):
        uncut.encode(piece.ids, piper.manner)
    return (time.perf_counter() - began) * 1000


def _difference(piper: PiperSynthesizer, text: str) -> float:
    return max(seam_error(piper.vits.encode(piece.ids, piper.manner)) for piece in piper.phonemizer.passes(text))


def _result(
    spoken: dict[str, list[Spoken]], whole_ms: dict[str, list[float]], difference: float, config: TtsConfig
) -> dict[str, Any]:
    every = [clause for group in spoken.values() for clause in group]
    groups = {
        name: {
            "first_audio_ms": report.summary([clause.first_audio_ms for clause in clauses]),
            "whole_ms": report.summary(whole_ms[name]),
            "ratio": _ratio(whole_ms[name], clauses),
        }
        for name, clauses in spoken.items()
    }
    slacks = [clause.slack_ms for clause in every if clause.slack_ms != float("inf")]
    return {
        "bench": "tts",
        **groups["clauses"],
        "openers": groups["openers"],
        "sentences": groups["sentences"],
        "rtf": round(sum(clause.total_ms for clause in every) / sum(clause.audio_ms for clause in every), 4),
        "max_abs_difference": difference,
        "seams": {
            "n": len(slacks),
            "starved": sum(slack < 0 for slack in slacks),
            "least_slack_ms": round(min(slacks, default=0.0), 1),
            "greatest_step_ratio": round(max(clause.seam for clause in every), 3),
        },
        "first_chunk_frames": config.first_chunk_frames,
        "threads": config.threads,
    }


def _ratio(whole_ms: list[float], clauses: list[Spoken]) -> float:
    """How many times sooner the streamed clause is heard: the median of the pairs."""
    return round(float(np.median([whole / clause.first_audio_ms for whole, clause in zip(whole_ms, clauses, strict=True)])), 2)


def _show(found: dict[str, Any]) -> None:
    table = Table(title="Synthesis: first audio, streamed | the whole clause by the uncut voice")
    for heading in ("spoken", "n", "first audio ms p50 / p90 / p95", "whole ms p50", "ratio"):
        table.add_column(heading, justify="left" if heading == "spoken" else "right")
    for name, one in {"first clauses": found, "openers": found["openers"], "sentences": found["sentences"]}.items():
        first = one["first_audio_ms"]
        quantiles = " / ".join(str(first[p]) for p in ("p50", "p90", "p95"))
        table.add_row(name, str(first["n"]), quantiles, str(one["whole_ms"]["p50"]), str(one["ratio"]))
    console = Console()
    console.print(table)
    seams = found["seams"]
    console.print(
        f"real-time factor {found['rtf']}; streamed and whole differ by {found['max_abs_difference']:.1g} at most; "
        f"{seams['starved']} of {seams['n']} streams would have starved (least slack {seams['least_slack_ms']} ms); "
        f"target for first clauses: {TARGET_FIRST_AUDIO_MS:.0f} ms"
    )
