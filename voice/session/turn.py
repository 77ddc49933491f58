"""One turn of a conversation: the user's utterance and what becomes of it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from voice.core.budget import Stage
from voice.core.trace import TurnTrace
from voice.reply.attempt import Attempt
from voice.reply.attribution import Tier
from voice.session.endpoint_timer import EndpointTimer
from voice.session.events import ReplyEnd
from voice.session.playout import Playout
from voice.session.preemptive import PreemptiveReply
from voice.session.transcription import IncrementalTranscriber
from voice.skills.session import Alert


@dataclass(slots=True)
class Turn:
    """What belongs to the turn at hand; thrown away with it.

    Attributes:
        number: from 1, within the conversation.
        start_sample: where its audio begins (pre-roll included).
        typed: the text of a typed turn; ``None`` for a spoken one.
        alert: what the assistant announces in a turn that the user did not ask for (``typed`` is then empty).
        transcript: what the user said or typed, once it is settled.
        speech_end_sample: where the detector heard its speech end.
        settled: gives the attempt that answers the turn, ``None`` when nothing was said.
        committed: whether its end is decided and the gate is open.
    """

    number: int
    start_sample: int
    trace: TurnTrace
    transcriber: IncrementalTranscriber
    reply: PreemptiveReply
    typed: str | None = None
    alert: Alert | None = None
    transcript: str | None = None
    committed: bool = False
    speech_end_sample: int = 0
    settled: "asyncio.Task[Attempt | None] | None" = None
    endpoint_timer: EndpointTimer | None = None
    playout: Playout | None = None
    tasks: set["asyncio.Task[Any]"] = field(default_factory=set)
    takebacks: int = 0
    reopenings: int = 0

    def cancel_tasks(self) -> None:
        """Stop everything that is under way for this turn."""
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()
        if self.endpoint_timer is not None:
            self.endpoint_timer.cancel()
            self.endpoint_timer = None

    @property
    def tier(self) -> Tier:
        """Who answers it: the cloud if any of the answer is the cloud's."""
        attempt = self.reply.attempt
        return "edge" if attempt is None else attempt.account.tier

    @property
    def said(self) -> str:
        """What the user said or typed, as far as it is known."""
        return self.transcript or self.typed or ""

    def heard(self, now_s: float) -> str:
        """The part of the reply that the user has heard."""
        return "" if self.playout is None else self.playout.playback.heard(now_s)

    def answer_heard(self, now_s: float) -> str:
        """The same without a filler: that is no part of the answer, and a model that reads it would learn to say it."""
        attempt, heard = self.reply.attempt, self.heard(now_s)
        if attempt is None or not attempt.filler:
            return heard
        return " ".join(heard.split(" ")[len(attempt.filler.split()) :])

    def record(self, reason: ReplyEnd, heard: str) -> dict[str, Any]:
        """The turn's line of the log."""
        attempt = self.reply.attempt
        if attempt is not None:
            self.trace.marks.update(attempt.marks)
            self.trace.took_ms.update(attempt.took_ms)
            self.trace.details.update(attempt.details)
            self.trace.details.update(attempt.account.record())
        if self.transcriber.took_ms is not None:
            self.trace.took_ms[Stage.ASR] = self.transcriber.took_ms
        return self.trace.record(
            end_reason=reason,
            tier=self.tier,
            typed=self.typed is not None,
            user_text=self.said,
            reply_text=attempt.reply if attempt is not None else "",
            heard_text=heard,
            takebacks=self.takebacks,
            reopenings=self.reopenings,
            reply_tokens=attempt.tokens if attempt is not None else 0,
            wasted_tokens=self.reply.wasted_tokens,
            error=None if attempt is None or attempt.failure is None else str(attempt.failure),
        )
