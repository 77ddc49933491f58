"""One turn of a conversation: the user's utterance and what becomes of it.

What others read are properties; what changes a turn are its methods, in the order in which they can be called:
:meth:`Turn.paused`, :meth:`Turn.pause_begins`, :meth:`Turn.words_known`, :meth:`Turn.ended`, :meth:`Turn.commit`, and back
again with :meth:`Turn.take_back` and :meth:`Turn.reopen`.
"""

import asyncio
from typing import Any

from voice.core.budget import Stage
from voice.core.trace import Mark, TurnTrace
from voice.reply.attempt import Attempt
from voice.reply.attribution import Tier
from voice.session.endpoint_timer import EndpointTimer
from voice.session.events import ReplyEnd
from voice.session.playout import Playout
from voice.session.preemptive import PreemptiveReply
from voice.session.tasks import TurnTasks
from voice.session.transcription import IncrementalTranscriber
from voice.skills.session import Alert
from voice.turn.table import TurnInput

_PAUSE_MARKS = (Mark.SPEECH_END, Mark.VAD_SILENCE, Mark.PROSODY, Mark.ASR_FINAL)
_AUDIO_MARKS = (Mark.FIRST_AUDIO_SENT, Mark.ANSWER_HEARD, Mark.LAST_AUDIO_SENT)
_REPLY_MARKS = (*_PAUSE_MARKS, Mark.END_OF_TURN, *_AUDIO_MARKS, Mark.BARGE_IN)


class Turn:
    """What belongs to the turn at hand; thrown away with it.

    Args:
        number: from 1, within the conversation.
        start_sample: where its audio begins (pre-roll included).
        typed: the text of a typed turn; ``None`` for a spoken one.
        alert: what the assistant announces in a turn that the user did not ask for (``typed`` is then empty).

    Attributes:
        tasks: those that end when the user goes on, or with the turn.
    """

    def __init__(
        self,
        number: int,
        start_sample: int,
        trace: TurnTrace,
        transcriber: IncrementalTranscriber,
        reply: PreemptiveReply,
        tasks: TurnTasks,
        *,
        typed: str | None = None,
        alert: Alert | None = None,
    ) -> None:
        self.number = number
        self.start_sample = start_sample
        self.trace = trace
        self.transcriber = transcriber
        self.reply = reply
        self.tasks = tasks
        self.typed = typed
        self.alert = alert
        self._transcript: str | None = None
        self._over = self._committed = False
        self._speech_end_sample = 0
        self._answer: asyncio.Task[Attempt | None] | Attempt | None = None
        self._endpoint_timer: EndpointTimer | None = None
        self._playout: Playout | None = None
        self._takebacks = 0
        self._reopenings = 0
        self._reopened_at_s: float | None = None
        self._clears = 0

    # --- what is known -------------------------------------------------------------------------------------------------------

    @property
    def transcript(self) -> str | None:
        """What the user said or typed, once that is known; empty when there were no words."""
        return self._transcript

    @property
    def said(self) -> str:
        """The same as far as it is known."""
        return self._transcript or self.typed or ""

    @property
    def over(self) -> bool:
        """Whether the user has finished, as far as the evidence goes."""
        return self._over

    @property
    def committed(self) -> bool:
        """Whether the gate is open."""
        return self._committed

    @property
    def speech_end_sample(self) -> int:
        """Where the detector heard the speech end."""
        return self._speech_end_sample

    @property
    def endpoint_timer(self) -> EndpointTimer | None:
        """Of the pause at hand."""
        return self._endpoint_timer

    @property
    def playout(self) -> Playout | None:
        """Of the reply, once the gate is open."""
        return self._playout

    @property
    def reopened_at_s(self) -> float | None:
        """When it was last reopened."""
        return self._reopened_at_s

    @property
    def tier(self) -> Tier:
        """Who answers it: the cloud if any of the answer is the cloud's."""
        attempt = self.reply.attempt
        return "edge" if attempt is None else attempt.attribution.tier

    def end_reason(self, why: TurnInput) -> ReplyEnd:
        """How it ends when this happens."""
        if why is TurnInput.NOTHING_SAID:
            return "nothing_said"
        if why is not TurnInput.REPLY_ENDED:
            return "interrupted"
        attempt = self.reply.attempt
        return "completed" if attempt is not None and attempt.failure is None else "failed"

    def heard(self, now_s: float) -> str:
        """The part of the reply that the user has heard."""
        return "" if self._playout is None else self._playout.playback.heard(now_s)

    def answer_heard(self, now_s: float) -> str:
        """The same without fillers and bridges: a model that reads them in the history would learn to say them."""
        return "" if self._playout is None else self._playout.playback.heard(now_s, own=True)

    async def answer(self) -> Attempt | None:
        """The attempt that answers it, as soon as there is one; ``None`` when nothing was said. Cancel-safe."""
        if isinstance(self._answer, asyncio.Task):
            return await asyncio.shield(self._answer)
        return self._answer

    # --- what happens --------------------------------------------------------------------------------------------------------

    def cleared(self) -> None:
        """The client is told to throw away what it has not played."""
        self._clears += 1

    def played(self, ms: float, clears: int | None, now_s: float) -> None:
        """The client says that it has played ``ms`` of the reply, after ``clears`` times that it threw audio of the turn away.

        A report that was on its way when audio was cleared counts no more. Of a client that does not say how often it was
        (``None``), reports count until the turn is reopened: whether it counts the voided reply in is unknown.
        """
        if self._playout is not None and (clears == self._clears if clears is not None else not self._reopenings):
            self._playout.playback.report(ms, now_s)

    def paused(self, speech_end_sample: int, at_s: float) -> None:
        """The user's last voiced sample was at ``at_s``; the detector heard the speech end at a sample."""
        self._speech_end_sample = speech_end_sample
        self.trace.mark(Mark.SPEECH_END, at_s)

    def pause_begins(self, timer: EndpointTimer) -> None:
        """Its end is being looked for."""
        self._endpoint_timer = timer

    def words_known(self, text: str) -> None:
        """This is what was said."""
        self._transcript = text

    def answered_by(self, answer: "asyncio.Task[Attempt | None] | Attempt") -> None:
        """Who answers it, or who will say so."""
        self._answer = answer

    def ended(self) -> None:
        """The user has finished, as far as the evidence goes: what was said may leave, where it may at all."""
        self._over = True
        if self._transcript:
            self.reply.allow_leaving()

    def commit(self, playout: Playout, now_s: float) -> None:
        """The gate opens."""
        self.ended()
        self._committed, self._playout = True, playout
        self.trace.mark(Mark.END_OF_TURN, now_s)
        if (timer := self._endpoint_timer) is not None:
            self.trace.details["end_probability"] = round(timer.probability(now_s), 3)
            self.trace.details["melody"] = timer.evidence.prosody
            timer.close()

    def take_back(self) -> None:
        """The user goes on: what was concluded from the pause is forgotten."""
        self.stop()
        self._takebacks += 1
        self._transcript, self._over = None, False
        self.trace.forget(*_REPLY_MARKS)
        self.transcriber.went_on()
        if self._committed:
            self.reply.take_back()
        else:
            self.reply.hold_back()

    def reopen(self, now_s: float) -> None:
        """Its reply has begun to be heard and is silenced: the user goes on."""
        self._committed, self._playout = False, None
        self._reopenings += 1
        self._reopened_at_s = now_s
        self.trace.forget(*_REPLY_MARKS)

    def stop(self) -> None:
        """End what is under way for the pause or the reply."""
        self.tasks.cancel()
        if self._endpoint_timer is not None:
            self._endpoint_timer.close()
            self._endpoint_timer = None

    def close(self) -> None:
        """End everything that is under way."""
        self.stop()
        self.transcriber.cancel()
        self.reply.stop()

    def record(self, reason: ReplyEnd, heard: str) -> dict[str, Any]:
        """The turn's line of the log."""
        attempt = self.reply.attempt
        if attempt is not None:
            self.trace.marks.update(attempt.marks)
            self.trace.took_ms.update(attempt.took_ms)
            self.trace.details.update(attempt.details)
            self.trace.details.update(attempt.attribution.record())
        if self.transcriber.took_ms is not None:
            self.trace.took_ms[Stage.ASR] = self.transcriber.took_ms
        return self.trace.record(
            end_reason=reason,
            tier=self.tier,
            typed=self.typed is not None,
            user_text=self.said,
            reply_text=attempt.reply if attempt is not None else "",
            heard_text=heard,
            takebacks=self._takebacks,
            reopenings=self._reopenings,
            reply_tokens=attempt.tokens if attempt is not None else 0,
            wasted_tokens=self.reply.wasted_tokens,
            error=None if attempt is None or attempt.failure is None else str(attempt.failure),
        )
