"""Acceptance as a health signal: two models that used to agree and no longer do have been changed, one of them.

For each pair of models and kind of task the share of draft tokens that stood is kept, in a small JSON file, over processes.
Every :data:`WINDOW` judged tokens the newest window is compared with the pair's own past.
"""

import contextlib
import logging
import math
import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

WINDOW: Final = 200
"""Judged tokens that are compared at a time."""
MEMORY: Final = 5000.0
"""Tokens after which the past counts less and less."""
MIN_PAST: Final = 200.0
DROP: Final = 0.08
"""A smaller drop is no matter, however certain."""
SIGNIFICANT: Final = 4.0
"""Standard deviations."""
MAX_PAIRS: Final = 200

_log = logging.getLogger(__name__)


class Past(msgspec.Struct):
    """What is remembered of a pair and a kind."""

    version: str = ""
    accepted: float = 0.0
    judged: float = 0.0
    recent_accepted: float = 0.0
    recent_judged: float = 0.0

    @property
    def rate(self) -> float | None:
        """The share of draft tokens that stood; None when nothing was judged."""
        judged = self.judged + self.recent_judged
        return (self.accepted + self.recent_accepted) / judged if judged else None


def fell(past: Past) -> bool:
    """Whether the newest window is worse than the past by more than chance."""
    if past.judged < MIN_PAST or past.recent_judged <= 0:
        return False
    before, now = past.accepted / past.judged, past.recent_accepted / past.recent_judged
    both = (past.accepted + past.recent_accepted) / (past.judged + past.recent_judged)
    deviation = math.sqrt(max(1e-9, both * (1 - both)) * (1 / past.judged + 1 / past.recent_judged))
    return before - now > DROP and (before - now) / deviation > SIGNIFICANT


class Health:
    """The memory. Belongs to one event loop; writes are small and seldom (:meth:`save`).

    Args:
        path: of the JSON file; None keeps nothing. A file that cannot be read counts as empty.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._pasts: dict[str, Past] = {}
        if path is not None:
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                found = msgspec.json.decode(path.read_bytes(), type=dict[str, Past])
                self._pasts = {key: past for key, past in found.items() if _sound(past)}

    def rates(self, pair: str) -> dict[str, tuple[float, float]]:
        """By kind of task: the share of draft tokens that stood, and how many were judged."""
        start = pair + " | "
        return {
            key[len(start) :]: (rate, past.judged + past.recent_judged)
            for key, past in self._pasts.items()
            if key.startswith(start) and (rate := past.rate) is not None
        }

    def add(self, pair: str, kind: str, *, version: str, accepted: int, rejected: int) -> str | None:
        """Take a reply into account. Returns a sentence for a person when the pair has come apart.

        Args:
            pair: the two models' names.
            kind: of task.
            version: of the verifier's model.
            accepted: draft tokens that stood.
            rejected: those that did not, not counting what was behind them.
        """
        past = self._pasts.setdefault(f"{pair} | {kind}", Past(version=version))
        past.recent_accepted += accepted
        past.recent_judged += accepted + rejected
        if past.recent_judged < WINDOW:
            return None
        notice = None
        if fell(past):
            before, now = past.accepted / past.judged, past.recent_accepted / past.recent_judged
            why = (
                f"its version went from {past.version or '?'} to {version}"
                if version != past.version
                else "a model has changed"
            )
            notice = f"{pair}: {now:.0%} of the draft stands where {before:.0%} did ({kind or 'any task'}): {why}"
            past.accepted = past.judged = 0.0
        past.accepted += past.recent_accepted
        past.judged += past.recent_judged
        past.recent_accepted = past.recent_judged = 0.0
        if past.judged > MEMORY:
            past.accepted *= MEMORY / past.judged
            past.judged = MEMORY
        past.version = version
        return notice

    def save(self) -> None:
        """Write the file, atomically. A disk that does not take it is reported once in the log, and nothing else happens."""
        if self.path is None:
            return
        kept = dict(sorted(self._pasts.items(), key=lambda item: -item[1].judged)[:MAX_PAIRS])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".acceptance-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(kept)))
            Path(name).replace(self.path)
        except OSError as error:
            _log.warning("cannot keep the acceptance rates in %s: %s", self.path, error.strerror or error)
            self.path = None


def default_path() -> Path:
    """Where the rates are kept."""
    return Path(platformdirs.user_state_dir("voice")) / "acceptance.json"


def _sound(past: Past) -> bool:
    pairs = ((past.accepted, past.judged), (past.recent_accepted, past.recent_judged))
    return all(math.isfinite(judged) and 0 <= accepted <= judged for accepted, judged in pairs)
