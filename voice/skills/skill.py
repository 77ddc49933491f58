"""What a skill is: phrases, and a function that answers one of them."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, get_type_hints

from voice.skills.phrase import compile_phrase
from voice.skills.slots import Slot, slot_of
from voice.skills.timers import Timers
from voice.skills.volume import Volume

Effect = Callable[[], Awaitable[None]] | Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a skill answers.

    Attributes:
        text: to be spoken.
        effect: what is then done, once the turn is committed and cannot be taken back any more. An ``async def`` runs on the
            event loop, a plain function in a thread; 10 s at most.
        repeatable: whether "say that again" may say this.
    """

    text: str
    effect: Effect | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Context:
    """What a skill may know of the conversation. A function that has an argument annotated so gets it.

    Attributes:
        said: the user's words as recognition wrote them.
        now: the local time, with its time zone.
        now_s: monotonic seconds, as timers count them.
        last_reply: the newest reply that can be repeated; empty when there was none.
    """

    said: str
    now: datetime
    last_reply: str
    now_s: float
    timers: Timers
    volume: Volume


class Handler(Protocol):
    """A skill's function: returns the answer, or ``None`` when the sentence is not for it after all."""

    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Reply | str | Awaitable[Reply | str | None] | None:
        """Answer. Must do nothing else: it is also called for sentences that turn out to be half of one."""
        ...


@dataclass(frozen=True, slots=True)
class Skill:
    """Phrases and the function that answers them; made by :func:`skill`."""

    name: str
    handler: Handler
    phrases: tuple[re.Pattern[str], ...]
    slots: Mapping[str, Slot] = field(default_factory=dict)
    context_argument: str | None = None

    def match(self, words: str) -> dict[str, Any] | None:
        """The arguments that the function gets for these plain words; ``None`` when no phrase matches."""
        for phrase in self.phrases:
            if (match := phrase.fullmatch(f" {words}")) is None:
                continue
            try:
                return {name: self.slots[name].parse(text.strip()) for name, text in match.groupdict().items() if text}
            except ValueError:
                continue
        return None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself."""
        return self.handler(*args, **kwargs)


def skill(*phrases: str) -> Callable[[Handler], Skill]:
    """Make a function a skill.

    Args:
        phrases: see :mod:`voice.skills.phrase`. Arguments that not every phrase has need a default.

    Raises:
        ValueError: a phrase is not well formed.
        TypeError: an argument has no annotation, or one that cannot be said.
    """

    def make(handler: Handler) -> Skill:
        hints = get_type_hints(handler)
        slots: dict[str, Slot] = {}
        context_argument = None
        for name in inspect.signature(handler).parameters:
            if name not in hints:
                raise TypeError(f"skill {handler.__name__}: annotate the argument {name!r} with its type")
            if hints[name] is Context:
                context_argument = name
            else:
                slots[name] = slot_of(hints[name])
        compiled = tuple(compile_phrase(phrase, slots) for phrase in phrases)
        return Skill(handler.__name__, handler, compiled, slots, context_argument)

    return make
