"""``voice bench latency``: voice-to-voice latency and cut-offs, never one without the other.

Every recording is streamed in real time over a connection of its own into a server process. The sets as they are give the
latency and the cut-off rate by utterance; the hesitation set gives the cut-off rate by pause. The promise is about the reply's
own words; the first sound, which may be a filler, stands beside them. Sets are shown apart: they are hard in different ways.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice.bench.columns import CAPTION, HEADINGS, cells, columns, is_filled
from voice.bench.conversation.idle import silent_connection_cpu_share
from voice.bench.conversation.streaming import HeardReply, stream
from voice.bench.data.hesitation import HESITATION, hesitation_set
from voice.bench.data.recordings import Recording, default_recordings, from_manifest, spread
from voice.bench.report import summary
from voice.bench.server import RunningServer

if TYPE_CHECKING:
    from rich.console import Console

HELLO = {"type": "hello", "version": 1, "sample_rate_hz": 16_000, "trace": True}
Progress = Callable[[int], None]


def recording_sets(manifest: Path | None, *, limit: int | None, seed: int) -> dict[str, list[Recording]]:
    """The sets to measure with, the hesitation set made of them last.

    Raises:
        ConfigError, AudioError, ModelError: of the manifest, a recording, or the model that finds the words.
    """
    given = None if manifest is None else {manifest.stem: from_manifest(manifest, limit=limit)}
    sets = given or default_recordings(limit=limit)
    originals = spread([one for recordings in sets.values() for one in recordings], 2 * (limit or 60))
    sets[HESITATION] = hesitation_set(originals, seed=seed).recordings
    return sets


async def measure(server: RunningServer, sets: Mapping[str, Sequence[Recording]], progress: Progress) -> dict[str, Any]:
    """Stream every recording, one after the other, and summarise what was heard."""
    heard: dict[str, list[HeardReply]] = {name: [] for name in sets}
    cpu_before_s, done = server.cpu_s(), 0
    for name, recordings in sets.items():
        for one in recordings:
            outcome = await stream(server.url, one, hello=HELLO)
            heard[name].append(outcome)
            done += 1
            progress(done)
            await asyncio.sleep(0.2)  # the server forgets the connection
    cpu_s = server.cpu_s() - cpu_before_s
    found = result(heard, cpu_s=cpu_s, rss_mib=server.rss_mib())
    return {**found, "silent_connection_cpu_share": await silent_connection_cpu_share(server)}


def result(heard: Mapping[str, Sequence[HeardReply]], *, cpu_s: float, rss_mib: float) -> dict[str, Any]:
    """The benchmark's figures: those of all sets but the hesitation set, and in ``sets`` those of each."""
    plain = [one for name, outcomes in heard.items() if name != HESITATION for one in outcomes]
    every = [one for outcomes in heard.values() for one in outcomes]
    spoken_min = sum(one.seconds for one in every) / 60
    hesitation = [cut for one in heard.get(HESITATION, ()) for cut in one.pauses_cut]
    return {
        "bench": "latency",
        **figures(plain),
        "hesitation_cut_off_rate": share(hesitation),
        "hesitation_pauses": len(hesitation),
        "wasted_share": wasted_share(every),
        "cpu_seconds_per_spoken_minute": round(cpu_s / spoken_min, 1) if spoken_min else None,
        "rss_mib": round(rss_mib, 1),
        "sets": {name: figures(outcomes) for name, outcomes in heard.items()},
        "stages_from_speech_end_ms": stage_offsets(plain),
        "each": [
            {
                "set": name,
                "name": one.name,
                "voice_to_voice_ms": one.voice_to_voice_ms and round(one.voice_to_voice_ms, 1),
                "answer_ms": one.own_words_ms and round(one.own_words_ms, 1),
                "own_words_ms": one.own_words_ms and round(one.own_words_ms, 1),
                "filler": is_filled(one.record),
                "cut_off": one.cut_off,
                "pauses_cut": one.pauses_cut,
                "transcript": one.transcript,
                "reply": one.reply,
                "offsets_ms": one.record.get("offsets_ms"),
                "end_probability": one.record.get("end_probability"),
                "melody": one.record.get("melody"),
            }
            for name, outcomes in heard.items()
            for one in outcomes
        ],
    }


def figures(outcomes: Sequence[HeardReply]) -> dict[str, Any]:
    """Latency and cut-offs of some recordings."""
    pauses = [cut for one in outcomes for cut in one.pauses_cut]
    three = columns((one.voice_to_voice_ms, one.record) for one in outcomes)
    return {
        "utterances": len(outcomes),
        "answered": three["first_sound_ms"]["n"],
        "voice_to_voice_ms": three["first_sound_ms"],
        "answer_ms": three["own_words_ms"],
        "filler_share": three["fillers"]["share"],
        **three,
        "cut_off_rate": share([one.cut_off for one in outcomes]),
        "pause_cut_off_rate": share(pauses),
        "pauses": len(pauses),
    }


def stage_offsets(outcomes: Iterable[HeardReply]) -> dict[str, Any]:
    """Where the time goes: each mark's distance from the end of speech, over the answered turns."""
    by_mark: dict[str, list[float]] = {}
    for one in outcomes:
        for mark, ms in (one.record.get("offsets_ms") or {}).items():
            by_mark.setdefault(mark, []).append(float(ms))
    return {mark: summary(values) for mark, values in by_mark.items() if mark not in {"speech_start", "last_audio_sent"}}


def wasted_share(outcomes: Iterable[HeardReply]) -> float | None:
    """The share of generated tokens that were thrown away with a preempted reply."""
    records = [one.record for one in outcomes if one.record]
    wasted = sum(int(record.get("wasted_tokens", 0)) for record in records)
    made = wasted + sum(int(record.get("reply_tokens", 0)) for record in records)
    return round(wasted / made, 4) if made else None


def share(hits: Sequence[bool]) -> float | None:
    """The share of true values, ``None`` of none."""
    return round(sum(hits) / len(hits), 4) if hits else None


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result as a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="voice-to-voice latency and cut-offs", caption=CAPTION, box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for heading in ("set", "answered", *HEADINGS, "cut off", "in pauses"):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    for name, one in found["sets"].items():
        table.add_row(
            name,
            f"{one['answered']}/{one['utterances']}",
            *cells(one),
            percent(one["cut_off_rate"]),
            f"{percent(one['pause_cut_off_rate'])} of {one['pauses']}",
        )
    people.print(table)
    people.print(
        f"thrown away {percent(found['wasted_share'])} of the tokens, "
        f"{found['cpu_seconds_per_spoken_minute']} CPU seconds a spoken minute, {found['rss_mib']} MiB; "
        f"a silent connection takes {percent(found['silent_connection_cpu_share'])} of a core"
    )


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw, set by set, how soon the own words and the first sound came, against the budget."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    sets = {name: one for name, one in found["sets"].items() if one["answered"]} or found["sets"]
    figure, rows = plt.subplots(len(sets), figsize=(8, 1 + 2.6 * len(sets)), sharex=True, squeeze=False)
    latest = 600.0
    for (name, one), axes in zip(sets.items(), rows[:, 0], strict=True):
        each = [row for row in found["each"] if row["set"] == name]
        for key, label, style in (("own_words_ms", "own words", "-"), ("voice_to_voice_ms", "first sound", ":")):
            values = sorted(row[key] for row in each if row[key] is not None)
            shares = [(index + 1) / max(1, one["answered"]) for index in range(len(values))]
            axes.step(values, shares, style, where="post", label=label)
            latest = max(latest, *values[-1:])
        axes.axvline(300, color="tab:red", linestyle="--", label="budget: 300 ms")
        cut = f"cut off: {percent(one['cut_off_rate'])} of {one['utterances']} utterances"
        axes.set(ylim=(0, 1), title=f"{name}; {one['fillers']['count']} begun with a filler; {cut}", ylabel="share of replies")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    rows[-1, 0].set(xlabel="ms from the end of speech", xlim=(0, latest))
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def percent(value: float | None) -> str:
    """A share for reading."""
    return "-" if value is None else f"{value:.1%}"
