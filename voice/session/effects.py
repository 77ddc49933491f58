"""What skills promised is done when the turn can no longer be taken back."""

import asyncio
import logging

from voice.session import events as out
from voice.session.context import SessionContext
from voice.session.turn import Turn
from voice.skills.session import SkillSession
from voice.skills.skill import Effect

LATE_SPEECH_MS = 250.0
"""By how much later than it began speech may be noticed."""

_log = logging.getLogger(__name__)


class Effects:
    """The promises of one conversation's replies."""

    def __init__(self, context: SessionContext, skills: SkillSession | None) -> None:
        self._context = context
        self._skills = skills

    async def take_soon(self, turn: Turn) -> None:
        """Do what a turn's skill promised once the user cannot take the turn back any more by going on."""
        if turn.typed is None:
            await asyncio.sleep((self._context.config.turn.reopen_window_ms + LATE_SPEECH_MS) / 1000)
        self.take(turn)

    def take(self, turn: Turn) -> None:
        """Do it now, if it was not done yet."""
        attempt = turn.reply.attempt
        if attempt is None or self._skills is None or (effect := attempt.take_effect()) is None:
            return
        self._context.tasks.start(self._carry_out(self._skills, effect), "skill")

    async def _carry_out(self, skills: SkillSession, effect: Effect) -> None:
        try:
            await skills.carry_out(effect)
        except Exception as error:  # somebody else's code
            _log.warning("what a skill promised failed", exc_info=True)
            self._context.hooks.emit(
                out.Notice("skill_failed", f"What was promised could not be done: {error or type(error).__name__}")
            )
