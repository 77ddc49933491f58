"""What the parts of one conversation have in common: its models, its clock, its listener, its tasks, and whom they tell."""

from dataclasses import dataclass
from typing import Protocol

from voice.core.clock import Clock
from voice.core.config import Config
from voice.engines import Engines
from voice.session import events as out
from voice.session.listener import Listener
from voice.session.tasks import SessionTasks
from voice.turn.hooks import TurnHooks


class SessionHooks(TurnHooks, Protocol):
    """What the parts of a conversation tell it: what happens in its turns, and what the client is to know."""

    def emit(self, event: out.Event) -> None:
        """Tell the client. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class SessionContext:
    """Handed to each part of a conversation."""

    engines: Engines
    config: Config
    clock: Clock
    listener: Listener
    tasks: SessionTasks
    hooks: SessionHooks
