"""Hooks that only take notes."""

import asyncio
from dataclasses import dataclass, field

from voice.vad.detect import SpeechEvent


@dataclass
class NotedHooks:
    """What a part of a turn told, as (hook, turn, loop time), and what each ``partial`` said."""

    told: list[tuple[str, int, float]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _, _ in self.told]

    def _note(self, name: str, turn: int) -> None:
        self.told.append((name, turn, asyncio.get_running_loop().time()))

    def partial(self, turn: int, text: str, stable_chars: int) -> None:
        self.texts.append(text)
        self._note("partial", turn)

    def reply_ready(self, turn: int) -> None:
        self._note("reply_ready", turn)

    def turn_over(self, turn: int) -> None:
        self._note("turn_over", turn)

    def reply_late(self, turn: int) -> None:
        self._note("reply_late", turn)

    def end_of_turn(self, turn: int) -> None:
        self._note("end_of_turn", turn)

    def nothing_said(self, turn: int) -> None:
        self._note("nothing_said", turn)

    def reply_ended(self, turn: int) -> None:
        self._note("reply_ended", turn)


@dataclass
class NotedListening:
    """What a listener told, as (loop time, event), and how many windows it looked at."""

    events: list[tuple[float, SpeechEvent]] = field(default_factory=list)
    windows: int = 0

    def speech_event(self, event: SpeechEvent) -> None:
        self.events.append((asyncio.get_running_loop().time(), event))

    def window_heard(self, probability: float) -> None:
        self.windows += 1

    def level_dipped(self) -> None:
        """Not noted."""
