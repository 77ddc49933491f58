"""``voice bench endpoint``: every true end and every pause, and what the end-of-turn model makes of it.

Nothing runs in real time here: for each silence the evidence is computed on the audio as it is shortly after the silence began,
and the silence needed before the turn would be committed follows from it. A pause is cut off when it lasts longer than that.
Sweeping the commit threshold gives the curve of latency against cut-offs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from voice.bench.data.hesitation import HESITATION, hesitation_set
from voice.bench.data.recordings import Recording, default_recordings, from_manifest
from voice.bench.report import summary
from voice.core.config import Config, TurnConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.engines import Engines
from voice.turn.endpoint import Evidence, Features, default_weights, features, probability, silence_needed_ms, wants_prosody

if TYPE_CHECKING:
    from rich.console import Console

WORDS_AT_MS, PROSODY_AT_MS = 80, 100
"""The evidence is taken this long after the last voiced sample, about when the pipeline takes it."""
PROSODY_S = 8
CALIBRATED_AT_MS = 200
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
PATIENCE_MS = (230, 300, 400, 500, 600, 700, 800)
"""Values of ``turn.least_silence_ms``: the second curve."""
END, INNER = "end", "inner"
Progress = Callable[[str, int, int], None]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence after speech: the true end of an utterance, or a pause inside it.

    Attributes:
        recording: the name of the recording as it is, also for a hesitation put into it.
        kind: ``end``, ``inner`` (the speaker's own pause of at least 200 ms) or ``hesitation`` (put in by the bench).
        length_ms: how long it lasts; ``None`` for an end.
    """

    recording: str
    set: str
    kind: str
    length_ms: float | None
    prosody: float
    transcript: str
    trails_off: float | None = None
    breaks_off: float | None = None

    @property
    def evidence(self) -> Evidence:
        """What the end-of-turn model is asked with."""
        return Evidence(self.prosody, self.transcript, self.trails_off, self.breaks_off)


async def run(
    engines: Engines,
    config: Config,
    *,
    manifest: Path | None = None,
    limit: int | None = None,
    seed: int = 1,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure. ``limit`` bounds the recordings of each set; ``progress`` is given what is done, how far it is, and of how many.

    Raises:
        VoiceError: a recording, the manifest or a model is missing or of no use.
    """
    sets = default_recordings(limit=limit) if manifest is None else {manifest.stem: from_manifest(manifest, limit=limit)}
    originals = [(name, one) for name, recordings in sets.items() for one in recordings]
    made = await asyncio.to_thread(
        hesitation_set,
        [one for _, one in originals],
        seed=seed,
        progress=lambda done, total: progress("placing hesitations", done, total),
    )
    set_of = {one.name: name for name, one in originals}
    work = [*((name, one, True) for name, one in originals)]
    work += [(set_of[one.name.removesuffix(f"+{HESITATION}")], one, False) for one in made.recordings]
    found: list[Silence] = []
    for index, (name, one, as_it_is) in enumerate(work):
        found += await _silences(engines, name, one, as_it_is=as_it_is)
        progress("looking at silences", index + 1, len(work))
    return {**result(found, config), "seed": seed, "words_from": made.judge}


async def _silences(engines: Engines, name: str, one: Recording, *, as_it_is: bool) -> list[Silence]:
    places = [(start, (end - start) * 1000 / SAMPLE_RATE_HZ) for start, end in one.pauses]
    asked: list[tuple[str, int, float | None]] = [(INNER if as_it_is else HESITATION, *place) for place in places]
    if as_it_is:
        asked.append((END, one.speech_end, None))
    found: list[Silence] = []
    for kind, at, length_ms in asked:
        prosody = await engines.turn_detector.completeness(_until(one, at, PROSODY_AT_MS)[-PROSODY_S * SAMPLE_RATE_HZ :])
        heard = await engines.recognizer.transcribe(_until(one, at, WORDS_AT_MS))
        recording = one.name.removesuffix(f"+{HESITATION}")
        found.append(Silence(recording, name, kind, length_ms, prosody, heard.text, heard.trails_off, heard.breaks_off))
    return found


def _until(one: Recording, at: int, more_ms: int) -> Samples:
    """The recording up to a little after ``at``; silence where it is shorter."""
    end = at + more_ms * SAMPLE_RATE_HZ // 1000
    audio = one.samples[:end]
    return np.pad(audio, (0, end - audio.size)).astype(np.float32, copy=False)


def result(found: Sequence[Silence], config: Config) -> dict[str, Any]:
    """The curve over all thresholds, the point at the configured one, and how good each piece of evidence is by itself."""
    commit = config.turn.commit_probability
    sets = sorted({one.set for one in found})
    return {
        "bench": "endpoint",
        "utterances": sum(one.kind == END for one in found),
        "silences": {kind: sum(one.kind == kind for one in found) for kind in (END, INNER, HESITATION)},
        "commit_probability": commit,
        **point(found, commit, config.turn),
        "sets": {name: point([one for one in found if one.set == name], commit, config.turn) for name in sets},
        "curve": [{"commit_probability": threshold, **point(found, threshold, config.turn)} for threshold in THRESHOLDS],
        "patience": [
            {"least_silence_ms": ms, **point(found, commit, msgspec.structs.replace(config.turn, least_silence_ms=ms))}
            for ms in PATIENCE_MS
        ],
        "auc": {kind: areas(found, kind) for kind in (HESITATION, INNER)},
        "calibration": calibrated(found),
        "each": [asdict(one) for one in found],
    }


def point(found: Sequence[Silence], commit_probability: float, turn: TurnConfig) -> dict[str, Any]:
    """The silence needed at true ends, and the share of pauses that last longer than what would have been needed there.

    The prosody is heard only where the words leave it open, as on a small machine.
    """

    def needed_ms(one: Silence) -> float:
        words = replace(one.evidence, prosody=None)
        evidence = one.evidence if wants_prosody(words, commit_probability) else words
        return min(max(turn.least_silence_ms, silence_needed_ms(evidence, commit_probability)), turn.max_silence_ms)

    def cut(one: Silence) -> bool:
        return one.length_ms is not None and bool(one.transcript) and one.length_ms > needed_ms(one)

    def share_cut(kind: str) -> float | None:
        hits = [cut(one) for one in found if one.kind == kind]
        return round(sum(hits) / len(hits), 4) if hits else None

    ends = [one for one in found if one.kind == END]
    cut_utterances = {one.recording for one in found if one.kind == INNER and cut(one)}
    return {
        "silence_needed_ms": summary([needed_ms(one) for one in ends]),
        "cut_off_rate": round(len(cut_utterances) / len(ends), 4) if ends else None,
        "inner_pause_cut_off_rate": share_cut(INNER),
        "hesitation_cut_off_rate": share_cut(HESITATION),
    }


def areas(found: Sequence[Silence], against: str) -> dict[str, float | None]:
    """How well each feature alone, and all together, tell ends from pauses of this kind: the area under the ROC curve."""
    asked = [one for one in found if one.kind in {END, against} and one.transcript]
    is_end = np.array([one.kind == END for one in asked], dtype=bool)
    if not is_end.any() or is_end.all():
        return {}
    weights = default_weights()
    known = np.array([features(one.evidence, weights.unknown) for one in asked])
    signs = np.sign(weights.features)
    fused = [probability(one.evidence, CALIBRATED_AT_MS) for one in asked]
    alone = {name: area_under_curve(known[:, i] * signs[i], is_end) for i, name in enumerate(Features._fields)}
    return {name: round(area, 4) for name, area in {**alone, "fused": area_under_curve(np.array(fused), is_end)}.items()}


def area_under_curve(scores: Floats, positive: Bools) -> float:
    """The area under the ROC curve: how often a positive scores above a negative, ties counting a half."""
    order = np.sort(scores)
    rank = (np.searchsorted(order, scores, "left") + np.searchsorted(order, scores, "right") - 1) / 2
    hits = int(positive.sum())
    return float((rank[positive].mean() - (hits - 1) / 2) / (positive.size - hits))


def calibrated(found: Sequence[Silence]) -> list[dict[str, float | int]]:
    """The calibration after 200 ms of silence, of all silences that last so long."""
    asked = [one for one in found if one.transcript and (one.length_ms is None or one.length_ms > CALIBRATED_AT_MS)]
    said = np.array([probability(one.evidence, CALIBRATED_AT_MS) for one in asked], dtype=np.float64)
    return calibration(said, np.array([one.kind == END for one in asked], dtype=bool))


def calibration(said: Floats, is_end: Bools, *, bins: int = 8) -> list[dict[str, float | int]]:
    """Silences in groups by the probability given to them: its mean, and the share of true ends.

    The model is fitted to as many ends as pauses, so the shares are weighted as if there were.
    """
    if not is_end.any() or is_end.all():
        return []
    weight = np.where(is_end, 0.5 / is_end.mean(), 0.5 / (1 - is_end.mean()))
    rows: list[dict[str, float | int]] = []
    for low in np.arange(bins) / bins:
        inside = (said >= low) & (said < low + 1 / bins + (low + 1 / bins >= 1))
        if inside.any():
            mean = np.average(said[inside], weights=weight[inside])
            was = np.average(is_end[inside], weights=weight[inside])
            rows.append({"said": round(float(mean), 3), "was": round(float(was), 3), "silences": int(inside.sum())})
    return rows


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result as tables."""
    from rich.table import Table

    curve = Table(title=f"silence needed at {found['utterances']} true ends (ms), and what it would cut off")
    for heading in ("commit at", "p50", "p90", "p95", "utterances cut", "own pauses cut", "hesitations cut"):
        curve.add_column(heading, justify="right")
    for row in sorted([*found["curve"], dict(found)], key=lambda row: float(row["commit_probability"])):
        needed = row["silence_needed_ms"]
        curve.add_row(
            f"{row['commit_probability']:g}" + (" (set)" if "curve" in row else ""),
            *(str(needed.get(p, "-")) for p in ("p50", "p90", "p95")),
            *(_percent(row[key]) for key in ("cut_off_rate", "inner_pause_cut_off_rate", "hesitation_cut_off_rate")),
        )
    people.print(curve)
    patience = Table(title=f"the same at {found['commit_probability']:g}, with more patience (turn.least_silence_ms)")
    for heading in ("ms", "p95", "utterances cut", "own pauses cut", "hesitations cut"):
        patience.add_column(heading, justify="right")
    for row in found["patience"]:
        rates = (row[key] for key in ("cut_off_rate", "inner_pause_cut_off_rate", "hesitation_cut_off_rate"))
        patience.add_row(str(row["least_silence_ms"]), str(row["silence_needed_ms"].get("p95", "-")), *map(_percent, rates))
    people.print(patience)
    for kind, areas_of in found["auc"].items():
        people.print(f"area under the curve, ends against {kind} pauses: {areas_of}")
    said = Table(title=f"calibration after {CALIBRATED_AT_MS} ms of silence")
    for heading in ("said", "was", "silences"):
        said.add_column(heading, justify="right")
    for group in found["calibration"]:
        said.add_row(str(group["said"]), str(group["was"]), str(group["silences"]))
    people.print(said)


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw the curve of latency against cut-offs."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5))
    for key, label in (("hesitation_cut_off_rate", "hesitations"), ("cut_off_rate", "utterances as they are")):
        for curve, setting, style in (("curve", "commit_probability", "o-"), ("patience", "least_silence_ms", "s--")):
            rows = [row for row in found[curve] if row[key] is not None and row["silence_needed_ms"]["n"]]
            where = [row["silence_needed_ms"]["p95"] for row in rows]
            axes.plot(where, [100 * row[key] for row in rows], style, label=f"{label}, by {setting}")
        if found[key] is not None:
            axes.plot(found["silence_needed_ms"]["p95"], 100 * found[key], "k*", markersize=12)
    axes.set(
        xlabel="silence needed by 95 % of true ends, ms",
        ylabel="cut off, %",
        xscale="log",
        title=f"latency against cut-offs; the star commits at {found['commit_probability']:g}",
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
