"""How well and how fast speech is recognised: the short audio context beside the library's 30 s padding, in the same run.

Strategy: each recording is heard both ways in turn, so that a busy moment of the machine falls on both. The library's way is
``WhisperModel.transcribe`` with the same weights, threads and greedy decoding. Partials are replayed over growing audio at the
configured pace, one after another, and cost what they cost.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from voice.asr.partials import StablePrefix
from voice.asr.whisper import WhisperRecognizer
from voice.bench.data.recordings import Recording, default_recordings, from_manifest
from voice.bench.report import summary, write_json
from voice.core.config import AsrConfig
from voice.core.errors import ConfigError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.core.worker import Priority
from voice.models import locate

SHORT_S = 8.0
"""The promise for a final transcript is made for utterances up to this long."""
TARGET_FINAL_MS = 80.0
_PARTIALS_SAMPLE = 12


@dataclass(frozen=True, slots=True)
class AsrOutcome:
    """One recording, recognised both ways; in the short context as a conversation does it, and what that heard at once."""

    recording: Recording
    short_text: str
    padded_text: str
    short_ms: float
    padded_ms: float
    once_text: str = ""
    heard_again: bool = False

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return len(self.recording.samples) / SAMPLE_RATE_HZ


def bench_asr(
    manifest: Path | None = None, json_path: Path | None = None, *, config: AsrConfig | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Run the benchmark, print its table, write its JSON; what the command line calls.

    Args:
        manifest: JSON lines with ``audio`` and optionally ``text``; otherwise the sets of :func:`default_recordings`.
        json_path: where to write the result.
        config: of the recogniser.
        limit: at most this many recordings of each set.

    Raises:
        ConfigError: the manifest is bad, or the extra ``bench`` is not installed.
        VoiceError: a recording or the model cannot be used.
    """
    sets = {manifest.stem: from_manifest(manifest, limit=limit)} if manifest else default_recordings(limit=limit)
    found = asyncio.run(run(sets, config or AsrConfig()))
    _show(found)
    if json_path is not None:
        write_json(json_path, found)
    return found


async def run(sets: Mapping[str, Sequence[Recording]], config: AsrConfig) -> dict[str, Any]:
    """Measure and sum up: ``wer``, ``wer_padded``, ``final_ms``, … over all, and the same for each set."""
    normalise = _normaliser()
    recognizer = WhisperRecognizer(config)
    try:
        padded = _Padded(config)
        heard: dict[str, list[AsrOutcome]] = {name: [] for name in sets}
        with Progress(transient=True) as progress:
            task = progress.add_task("recognition", total=sum(map(len, sets.values())))
            for name, recordings in sets.items():
                for one in recordings:
                    heard[name].append(await _hear(one, recognizer, padded))
                    progress.advance(task)
        everything = [one for some in heard.values() for one in some]
        longest_first = sorted((one.recording for one in everything), key=lambda r: -len(r.samples))
        partials = await replay_partials(longest_first[:: max(1, len(longest_first) // _PARTIALS_SAMPLE)], recognizer, config)
    finally:
        recognizer.close()
    by_set = {name: figures(some, normalise) for name, some in heard.items()}
    return {"bench": "asr", "model": config.model, **figures(everything, normalise), "partials": partials, "sets": by_set}


def figures(heard: Sequence[AsrOutcome], normalise: Any) -> dict[str, Any]:
    """The figures of some recordings; those that need a text or slots are ``None`` where there are none."""
    short = [one for one in heard if one.seconds <= SHORT_S]
    with_text = [one for one in heard if one.recording.text]
    wer = wer_once = wer_padded = delta = None
    if with_text:
        references = [normalise(one.recording.text) for one in with_text]
        wer = _wer(references, [normalise(one.short_text) for one in with_text])
        wer_once = _wer(references, [normalise(one.once_text) for one in with_text])
        wer_padded = _wer(references, [normalise(one.padded_text) for one in with_text])
        delta = round(wer - wer_padded, 2)
    total_short = sum(one.short_ms for one in heard)
    return {
        "utterances": len(heard),
        "wer": wer,
        "wer_once": wer_once,
        "heard_again": sum(one.heard_again for one in heard),
        "heard_again_ms": summary([one.short_ms for one in heard if one.heard_again]),
        "wer_padded": wer_padded,
        "wer_delta_points": delta,
        "slot_recall": _slot_recall([(one.recording.slots, one.short_text) for one in heard], normalise),
        "slot_recall_padded": _slot_recall([(one.recording.slots, one.padded_text) for one in heard], normalise),
        "final_ms": summary([one.short_ms for one in short]),
        "final_ms_longer": summary([one.short_ms for one in heard if one.seconds > SHORT_S]),
        "padded_ms": summary([one.padded_ms for one in short]),
        "ratio": round(sum(one.padded_ms for one in heard) / total_short, 2) if total_short else None,
    }


async def replay_partials(recordings: Sequence[Recording], recognizer: WhisperRecognizer, config: AsrConfig) -> dict[str, Any]:
    """What partial transcripts cost at the configured pace, and how much of the text is stable before the end.

    Returns:
        ``partial_ms``; ``busy_share``: recognition time over speech time; ``stable_share``: characters of the last partial
        that were stable by then.
    """
    step = config.partial_interval_ms * SAMPLE_RATE_HZ // 1000
    times_ms: list[float] = []
    speech_s = stable = characters = 0.0
    for one in recordings:
        prefix, text, stable_chars = StablePrefix(), "", 0
        for end in range(step, one.speech_end + 1, step):
            began = time.perf_counter()
            found = await recognizer.transcribe(one.samples[:end], priority=Priority.PARTIAL)
            times_ms.append((time.perf_counter() - began) * 1000)
            text, stable_chars = prefix.update(found.text)
        speech_s += one.speech_end_s
        stable += stable_chars
        characters += len(text)
    return {
        "interval_ms": config.partial_interval_ms,
        "partial_ms": summary(times_ms),
        "busy_share": round(sum(times_ms) / 1000 / speech_s, 3) if speech_s else None,
        "stable_share": round(stable / characters, 3) if characters else None,
    }


class _Padded:
    """The library's own way: every call padded to 30 s."""

    def __init__(self, config: AsrConfig) -> None:
        from faster_whisper import WhisperModel

        found = locate(config.model)
        folder = found if found.is_dir() else found.parent
        self._language = config.language
        self._model: Any = WhisperModel(
            str(folder),
            device=config.device,
            compute_type=config.compute_type,
            cpu_threads=config.threads,
            local_files_only=True,
        )

    def transcribe(self, audio: Samples) -> str:
        segments, _ = self._model.transcribe(
            audio,
            language=self._language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return " ".join(segment.text.strip() for segment in segments)


async def _hear(one: Recording, recognizer: WhisperRecognizer, padded: _Padded) -> AsrOutcome:
    """As a conversation does it: the transcript of the dip is the final one, unless it is doubtful and heard once more."""
    began = time.perf_counter()
    once = await recognizer.transcribe(one.samples, priority=Priority.PARTIAL)
    final = await recognizer.transcribe(one.samples) if once.doubtful else once
    between = time.perf_counter()
    padded_text = padded.transcribe(one.samples)
    ended = time.perf_counter()
    times_ms = (between - began) * 1000, (ended - between) * 1000
    return AsrOutcome(one, final.text, padded_text, *times_ms, once_text=once.text, heard_again=once.doubtful)


def _slot_recall(cases: Sequence[tuple[tuple[str, ...], str]], normalise: Any) -> float | None:
    """The percentage of slot values whose words stand in the transcript; ``None`` without slots."""
    hits = [f" {normalise(value)} " in f" {normalise(text)} " for slots, text in cases for value in slots]
    return round(100 * sum(hits) / len(hits), 1) if hits else None


def _wer(references: list[str], hypotheses: list[str]) -> float:
    import jiwer

    return round(100 * float(jiwer.wer(references, hypotheses)), 2)


def _normaliser() -> Any:
    try:
        import jiwer  # noqa: F401
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise ConfigError(
            f"the recognition benchmark needs {error.name}: install the extra, `pip install -e '.[bench]'`"
        ) from error
    return EnglishTextNormalizer()


def _show(found: Mapping[str, Any]) -> None:
    table = Table(title=f"Recognition, {found['model']}: short context | the library's 30 s padding")
    for heading in (
        "set",
        "utterances",
        "WER %",
        "slot recall %",
        f"final ms p50 / p90 / p95 (≤ {SHORT_S:.0f} s)",
        "padded p50",
        "ratio",
    ):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    for name, one in {**found["sets"], "all": found}.items():
        final, padded = one["final_ms"], one["padded_ms"]
        table.add_row(
            name,
            str(one["utterances"]),
            _pair(one["wer"], one["wer_padded"]),
            _pair(one["slot_recall"], one["slot_recall_padded"]),
            " / ".join(str(final.get(p, "-")) for p in ("p50", "p90", "p95")),
            str(padded.get("p50", "-")),
            str(one["ratio"]),
        )
    console = Console()
    console.print(table)
    partials, again = found["partials"], found["heard_again_ms"]
    console.print(
        f"doubtful and heard once more: {found['heard_again']} of {found['utterances']} (p50 {again.get('p50', '-')} ms); "
        f"WER without that: {found['wer_once']}"
    )
    console.print(
        f"partials every {partials['interval_ms']} ms: p50 {partials['partial_ms'].get('p50', '-')} ms each, busy "
        f"{partials['busy_share']} of the speech, {partials['stable_share']} of the text stable at the last one; "
        f"target for a final: {TARGET_FINAL_MS:.0f} ms"
    )


def _pair(short: float | None, padded: float | None) -> str:
    return "-" if short is None else f"{short} | {padded}"
