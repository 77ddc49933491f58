"""One turn of a conversation: the user's utterance and what becomes of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from voice.events import ReplyEnd
from voice.pipeline import Attempt
from voice.session.looks import Looks
from voice.session.mouth import Mouth
from voice.session.pause import Pause
from voice.trace import TurnTrace


@dataclass(slots=True)
class Turn:
    """What belongs to the turn at hand; thrown away with it.

    Attributes:
        number: from 1, within the conversation.
        start_sample: where its audio begins (pre-roll included).
        typed: the text of a typed turn; ``None`` for a spoken one.
        speech_end_sample: where the detector heard its speech end.
        committed: whether its end is decided and the gate is open.
    """

    number: int
    start_sample: int
    trace: TurnTrace
    looks: Looks
    typed: str | None = None
    committed: bool = False
    speech_end_sample: int = 0
    attempt: Attempt | None = None
    pause: Pause | None = None
    mouth: Mouth | None = None
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    takebacks: int = 0
    reopenings: int = 0
    wasted_tokens: int = 0

    def cancel_tasks(self) -> None:
        """Stop everything that is under way for this turn."""
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()
        if self.pause is not None:
            self.pause.cancel()
            self.pause = None

    @property
    def said(self) -> str:
        """What the user said or typed, as far as it is known."""
        return (self.attempt.transcript if self.attempt is not None else None) or self.typed or ""

    def heard(self, now_s: float) -> str:
        """The part of the reply that the user has heard."""
        return "" if self.mouth is None else self.mouth.playback.heard(now_s)

    def record(self, reason: ReplyEnd, heard: str) -> dict[str, Any]:
        """The turn's line of the log."""
        attempt = self.attempt
        return self.trace.record(
            end_reason=reason,
            tier="edge",
            typed=self.typed is not None,
            user_text=self.said,
            reply_text=attempt.reply if attempt is not None else "",
            heard_text=heard,
            takebacks=self.takebacks,
            reopenings=self.reopenings,
            reply_tokens=attempt.tokens if attempt is not None else 0,
            wasted_tokens=self.wasted_tokens,
            error=None if attempt is None or attempt.failure is None else str(attempt.failure),
        )
