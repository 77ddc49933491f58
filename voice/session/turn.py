"""One turn of a conversation: the user's utterance and what becomes of it."""

import asyncio
from dataclasses import dataclass, field

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
