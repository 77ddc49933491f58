"""The latency-budget log: what happened when, one JSON line a turn.

A :class:`TurnTrace` collects absolute marks and the stages' times while the turn runs and renders them into a record
(:data:`SCHEMA_VERSION`). A :class:`TraceLog` writes records on a thread of its own: a full disk, a read-only folder or a slow
one never stops a conversation; what could not be written is counted.
"""

import json
import logging
import logging.handlers
import queue
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import platformdirs

from voice.core.budget import Deadline, Stage
from voice.core.config import TraceConfig

SCHEMA_VERSION: Final = 2
"""2: what is late is the reply's own words; before, it was the first sound of any kind."""

_log = logging.getLogger(__name__)


class Mark(StrEnum):
    """The moments of a turn, in flow order."""

    SPEECH_START = "speech_start"
    PARTIAL = "partial"
    """The newest partial transcript."""
    SPEECH_END = "speech_end"
    """The user's last voiced sample."""
    VAD_SILENCE = "vad_silence"
    """The pause was noticed and the reply begun."""
    ASR_FINAL = "asr_final"
    PROSODY = "melody"
    """The sound's own end-of-turn probability was known."""
    ROUTE = "route"
    LLM_FIRST_TOKEN = "llm_first_token"
    FIRST_CLAUSE = "first_clause"
    TTS_FIRST_AUDIO = "tts_first_audio"
    END_OF_TURN = "end_of_turn"
    """The turn was committed: the gate opened."""
    FIRST_AUDIO_SENT = "first_audio_sent"
    ANSWER_HEARD = "answer_heard"
    """The reply's own first words at the pace of playback, where something that is not the reply came before them."""
    LAST_AUDIO_SENT = "last_audio_sent"
    BARGE_IN = "barge_in"


_TEXTS: Final = ("user_text", "reply_text", "heard_text", "filler_text")


class TurnTrace:
    """The marks of one turn, in monotonic seconds.

    Args:
        turn: its number in the conversation.
        conversation: an identifier of the conversation.
        wall_offset_s: what to add to monotonic seconds to get Unix seconds.
    """

    def __init__(self, turn: int, conversation: str, wall_offset_s: float) -> None:
        self.turn = turn
        self.conversation = conversation
        self.marks: dict[Mark, float] = {}
        self.deadline: Deadline | None = None
        self.took_ms: dict[Stage, float] = {}
        self.forecast_ms: dict[str, float] = {}
        self.details: dict[str, Any] = {}
        self._filled: list[str] = []
        self._wall_offset_s = wall_offset_s

    def mark(self, mark: Mark, at_s: float) -> None:
        """Note when something happened; said again, the later moment stands."""
        self.marks[mark] = at_s

    def forget(self, *marks: Mark) -> None:
        """Take marks back: what they stood for was taken back."""
        for mark in marks:
            self.marks.pop(mark, None)
        if Mark.FIRST_AUDIO_SENT in marks:
            self._filled.clear()

    def filled(self, text: str) -> None:
        """Note what is said before the reply's own words and is not the reply: a filler, a bridge, a notice."""
        self._filled.append(text)

    @property
    def first_sound_ms(self) -> float | None:
        """The user's last voiced sample → the first audio of any kind."""
        return self._since_end_ms(self.marks.get(Mark.FIRST_AUDIO_SENT))

    @property
    def own_words_ms(self) -> float | None:
        """The user's last voiced sample → the first audio of the reply's own words; ``None`` while there were none."""
        return self._since_end_ms(self._own_words_s)

    @property
    def _own_words_s(self) -> float | None:
        return self.marks.get(Mark.ANSWER_HEARD, None if self._filled else self.marks.get(Mark.FIRST_AUDIO_SENT))

    def _since_end_ms(self, at_s: float | None) -> float | None:
        origin_s = self.marks.get(Mark.SPEECH_END)
        return None if at_s is None or origin_s is None else (at_s - origin_s) * 1000

    def record(self, **details: Any) -> dict[str, Any]:
        """The turn's line: marks in Unix milliseconds and as offsets from the end of speech, stages, deadline, lateness.

        The promise is about the reply's own words: a turn whose filler was in time is late when they were not.
        """
        origin_s = self.marks.get(Mark.SPEECH_END)
        first_ms, own_ms, own_s = self.first_sound_ms, self.own_words_ms, self._own_words_s
        stages = {str(stage): _ms(self.took_ms.get(stage)) for stage in Stage}
        late_ms = self.deadline.late_ms(own_s) if self.deadline is not None and own_s is not None else None
        return {
            "schema": SCHEMA_VERSION,
            "conversation": self.conversation,
            "turn": self.turn,
            "marks": {str(m): round((self.marks[m] + self._wall_offset_s) * 1000, 1) for m in Mark if m in self.marks},
            "offsets_ms": {}
            if origin_s is None
            else {str(m): round((self.marks[m] - origin_s) * 1000, 1) for m in Mark if m in self.marks},
            "stages_ms": stages,
            "forecast_ms": self.forecast_ms,
            "ttfa_ms": _ms(first_ms),
            "first_sound_ms": _ms(first_ms),
            "own_words_ms": _ms(own_ms),
            "filler_ms": _ms(own_ms - first_ms) if self._filled and first_ms is not None and own_ms is not None else None,
            "filler_text": " ".join(self._filled),
            "deadline": None if self.deadline is None else round((self.deadline.at_s + self._wall_offset_s) * 1000, 1),
            "late_ms": _ms(late_ms),
            "late_stages": self._late_stages() if late_ms else [],
            **self.details,
            **details,
        }

    def _late_stages(self) -> list[str]:
        """The stages that took longer than was forecast, the worst first."""
        over = {
            str(stage): took - self.forecast_ms[str(stage)]
            for stage, took in self.took_ms.items()
            if str(stage) in self.forecast_ms
        }
        return sorted((stage for stage, ms in over.items() if ms > 0), key=lambda stage: -over[stage])


def with_texts(record: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The record with every text replaced by what ``change`` makes of it."""
    return {key: change(value) if key in _TEXTS and isinstance(value, str) else value for key, value in record.items()}


def redacted(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with every text replaced by its size."""
    return {key: _size(value) if key in _TEXTS and isinstance(value, str) else value for key, value in record.items()}


def _size(text: str) -> dict[str, int]:
    return {"chars": len(text), "words": len(text.split())}


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


class TraceLog:
    """Appends records to a rotating file, on a thread of its own. Thread-safe; never raises after construction."""

    def __init__(self, config: TraceConfig) -> None:
        self.path = Path(config.path).expanduser() if config.path else default_path()
        self.lost = 0
        self._text = config.text
        self._queue: queue.Queue[logging.LogRecord] = queue.Queue(maxsize=1024)
        handler = _Handler(self, self.path, int(config.max_mib * 1024 * 1024), config.keep_files)
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._handler = handler
        self._listener = logging.handlers.QueueListener(self._queue, handler)
        self._listener.start()
        self._open = True

    def write(self, record: Mapping[str, Any]) -> None:
        """Queue one record; drops it (and counts it in :attr:`lost`) when a thousand wait already."""
        if not self._open:
            return
        line = json.dumps(record if self._text else redacted(record), ensure_ascii=False, separators=(",", ":"))
        try:
            self._queue.put_nowait(logging.makeLogRecord({"msg": line, "levelno": logging.INFO, "levelname": "INFO"}))
        except queue.Full:
            self.lose("more than 1,024 lines wait to be written")

    def close(self) -> None:
        """Write what waits and stop. May be called again."""
        if self._open:
            self._open = False
            self._listener.stop()
            self._handler.close()

    def lose(self, why: object) -> None:
        """Count a line that could not be written; the first is reported."""
        if self.lost == 0:
            _log.warning("the trace log %s cannot be written (%s); conversations go on without it", self.path, why)
        self.lost += 1


class _Handler(logging.handlers.RotatingFileHandler):
    """Opens late and survives everything the file system does."""

    def __init__(self, log: TraceLog, path: Path, max_bytes: int, keep_files: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=keep_files, encoding="utf-8", delay=True)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.stream is None:
                Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            if self.shouldRollover(record):
                self.doRollover()
            if self.stream is None:
                self.stream = self._open()
            self.stream.write(self.format(record) + "\n")
            self.stream.flush()
        except OSError as error:
            self._log.lose(error.strerror or error)
            self._reset()

    def _reset(self) -> None:
        """Start afresh with the next line: the disk may have room again."""
        stream, self.stream = self.stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                _log.debug("closing the trace log: %s", error)


def default_path() -> Path:
    """Where the log is kept when the configuration does not say."""
    return Path(platformdirs.user_log_dir("voice")) / "turns.jsonl"


def wall_offset_s(now_s: float) -> float:
    """What to add to monotonic seconds (``now_s`` is now) to get Unix seconds."""
    return time.time() - now_s
