"""All skills of a process: those of the house first, then those that other packages bring.

A package brings skills by an entry point of the group ``voice.skills`` whose object is a :class:`~voice.skills.skill.Skill` or
several. It is somebody else's code: what fails to load is left out with a warning, what fails or takes longer than
:data:`ANSWER_WITHIN_S` is passed over (the language model answers), and what hung once is asked no more.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from voice.skills import clock, control, sums, timing, units
from voice.skills.alerts import Alerts, Wall
from voice.skills.local_time import local_now
from voice.skills.skill import Context, Effect, Reply, Skill
from voice.skills.words import plain

GROUP = "voice.skills"
ANSWER_WITHIN_S = 0.5
EFFECT_WITHIN_S = 10.0
MAX_REPLY_CHARS = 2_000

_log = logging.getLogger(__name__)
BUILT_IN: tuple[Skill, ...] = (*control.SKILLS, *clock.SKILLS, *timing.SKILLS, *units.SKILLS, *sums.SKILLS)


class Found(NamedTuple):
    """A skill's answer."""

    skill: str
    reply: Reply


class SkillRegistry:
    """Asks the skills. Shared by all conversations of a process; belongs to one event loop.

    Args:
        added: skills beyond those of the house, by the name they are listed under.
        off: names of skills that are not asked.
        wall: the local time, with its time zone.

    Attributes:
        alerts: what all users have set.
    """

    def __init__(self, added: Iterable[tuple[str, Skill]] = (), *, off: Iterable[str] = (), wall: Wall = local_now) -> None:
        self.alerts = Alerts()
        self.wall = wall
        left_out = set(off)
        self._own = [skill for skill in BUILT_IN if skill.name not in left_out]
        self._added = [(name, skill) for name, skill in added if name not in left_out]
        self._hung: set[str] = set()
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="voice-skill")

    @classmethod
    def load(cls, *, plugins: bool = True, off: Iterable[str] = ()) -> "SkillRegistry":
        """With the skills of installed packages, and everything warm: half a second. Never raises for theirs."""
        units.registry()  # slow the first time
        clock.zones()
        return cls(installed() if plugins else (), off=off)

    @property
    def names(self) -> list[str]:
        """Of all skills that are asked."""
        return [skill.name for skill in self._own] + [name for name, _ in self._added if name not in self._hung]

    async def ask(self, said: str, context: Callable[[], Context]) -> Found | None:
        """The answer of the first skill that has one; ``None`` when this is for the language model. Cancel-safe.

        A skill is asked for drafts of a turn, too: only the reply's effect does anything.
        """
        words = plain(said)
        if not words:
            return None
        for skill in self._own:
            if (reply := _own_reply(skill, words, context)) is not None:
                return Found(skill.name, reply)
        for name, skill in self._added:
            if name not in self._hung and (reply := await self._ask_added(name, skill, words, context)) is not None:
                return Found(name, reply)
        return None

    async def carry_out(self, effect: Effect) -> None:
        """Do what a skill promised.

        Raises:
            Exception: whatever it raises (``RuntimeError`` for a ``SystemExit``); ``TimeoutError`` after
                :data:`EFFECT_WITHIN_S`.
        """
        try:
            await self._carry_out(effect)
        except SystemExit as error:
            raise RuntimeError("it wanted to end the program") from error

    async def _carry_out(self, effect: Effect) -> None:
        async with asyncio.timeout(EFFECT_WITHIN_S):
            if inspect.iscoroutinefunction(effect):
                await effect()
            else:
                done = await asyncio.get_running_loop().run_in_executor(self._pool, effect)
                if inspect.isawaitable(done):
                    await done

    def close(self) -> None:
        """Wait for nothing: a thread that hangs is somebody else's. May be called again."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask_added(self, name: str, skill: Skill, words: str, context: Callable[[], Context]) -> Reply | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                if inspect.iscoroutinefunction(skill.handler):
                    return _replied(await _call(skill, words, context))
                arguments = _arguments(skill, words, context)
                if arguments is None:
                    return None
                call = asyncio.get_running_loop().run_in_executor(self._pool, lambda: skill.handler(**arguments))
                return _replied(await call)
        except TimeoutError:
            self._hung.add(name)
            _log.warning("the skill %s took longer than %g s; it is not asked any more", name, ANSWER_WITHIN_S)
        except (Exception, SystemExit):
            _log.warning("the skill %s failed; the language model answers instead", name, exc_info=True)
        return None


def _arguments(skill: Skill, words: str, context: Callable[[], Context]) -> dict[str, Any] | None:
    arguments = skill.match(words)
    if arguments is not None and skill.context_argument is not None:
        arguments[skill.context_argument] = context()
    return arguments


def _call(skill: Skill, words: str, context: Callable[[], Context]) -> Any:
    arguments = _arguments(skill, words, context)
    if arguments is None:
        return _nothing() if inspect.iscoroutinefunction(skill.handler) else None
    return skill.handler(**arguments)


def _own_reply(skill: Skill, words: str, context: Callable[[], Context]) -> Reply | None:
    try:
        return _replied(_call(skill, words, context) if skill.phrases else _always(skill, words, context))
    except Exception:
        _log.warning("the skill %s failed; the language model answers instead", skill.name, exc_info=True)
        return None


async def _nothing() -> None:
    return None


def _always(skill: Skill, words: str, context: Callable[[], Context]) -> Any:
    """A skill of the house with a grammar of its own."""
    del words
    return skill.handler(**{skill.context_argument or "context": context()})


def _replied(result: Reply | str | Awaitable[Any] | None) -> Reply | None:
    """What a skill returned, checked: it may be anything.

    Raises:
        TypeError: it is not a reply.
    """
    if result is None or result == "":
        return None
    reply = Reply(result) if isinstance(result, str) else result
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        raise TypeError(f"a skill returns a Reply, a str or None, not {type(result).__name__}")
    if not reply.text.strip() or len(reply.text) > MAX_REPLY_CHARS:
        raise TypeError(f"a skill's answer has 1 to {MAX_REPLY_CHARS} characters, this one {len(reply.text)}")
    if reply.effect is not None and not callable(reply.effect):
        raise TypeError("a skill's effect must be a function")
    return reply


def installed() -> list[tuple[str, Skill]]:
    """The skills of installed packages; what cannot be loaded is left out with a warning."""
    found: list[tuple[str, Skill]] = []
    for entry in entry_points(group=GROUP):
        found.extend(loaded(entry))
    return found


def loaded(entry: EntryPoint) -> list[tuple[str, Skill]]:
    """The skills of one entry point, as ``name`` or ``name.function`` where it has several."""
    try:
        thing = entry.load()
        skills: Sequence[Any] = [thing] if isinstance(thing, Skill) else list(thing)
        wrong = [skill for skill in skills if not isinstance(skill, Skill) or not skill.phrases]
    except (Exception, SystemExit) as error:
        _log.warning("the skills of %s (%s) are left out: %s: %s", entry.name, entry.value, type(error).__name__, error)
        return []
    if wrong:
        _log.warning(
            "the skills of %s (%s) are left out: %r is not made by @skill with a phrase", entry.name, entry.value, wrong[0]
        )
        return []
    many = len(skills) > 1
    return [(f"{entry.name}.{skill.name}" if many else entry.name, skill) for skill in skills]
