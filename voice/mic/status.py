"""What the daemon knows of itself, for the view, the service manager and the tests."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from voice.mic.sound import Counts


@dataclass(slots=True)
class LineState:
    """One line of the transcript."""

    role: str
    text: str
    final: bool = True


@dataclass(slots=True)
class Status:
    """Changed by the daemon's tasks, read by the view. All on the event loop.

    Attributes:
        microphone, loudspeaker: the open devices' names; empty while there are none.
        trouble: why there is no sound or no server just now; empty when all is well.
        level: the loudest sample heard lately, 0 to 1, without the echo.
        state: what the assistant does.
        turns: the newest turns' time to first audio and what it was spent on.
    """

    counts: Counts = field(default_factory=Counts)
    microphone: str = ""
    loudspeaker: str = ""
    latency_ms: float = 0.0
    connected: bool = False
    connections: int = 0
    is_open: bool = True
    level: float = 0.0
    state: str = "starting"
    sound_trouble: str = ""
    link_trouble: str = ""
    lines: deque[LineState] = field(default_factory=lambda: deque(maxlen=200))
    said: int = 0
    """Final lines so far."""
    turns: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=8))

    @property
    def trouble(self) -> str:
        """What a person should know."""
        return self.sound_trouble or self.link_trouble

    def say(self, role: str, text: str, *, final: bool = True) -> None:
        """Add to the transcript; a line that is not final gives way to the next of its role."""
        if self.lines and not self.lines[-1].final and self.lines[-1].role == role:
            self.lines.pop()
        self.lines.append(LineState(role, text, final))
        self.said += final
