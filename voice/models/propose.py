"""Propose: which chat models of the catalogue suit this machine, one to open every answer and one to know more.

Strategy: what is here is measured, each in processes of its own: how fast it reads and writes (:mod:`voice.models.trial`), what
it answers to questions that can be checked (:mod:`voice.models.questions`), how much memory it takes. The choice is pure, so it
can also be made for a machine that is so many times faster.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from voice.core.errors import ModelError
from voice.models import child, store
from voice.models.manifest import Model
from voice.models.questions import QUESTIONS, right
from voice.models.tune import FIRST_CLAUSE_TOKENS

OPENER_MS = 180.0
"""A model opens answers when it reads 36 tokens and writes a first clause in about 150 ms."""
SECOND_MS = 900.0
"""The larger one's first clause is due when the other's opening has been said ..."""
SECOND_TOKENS_PER_S = 9.0
"""... and it must write twice as fast as one speaks, or the voice waits for it."""

DEADLINE_S = 600.0
"""Of one child."""

Runner = Callable[[str, Sequence[str]], str]
"""Runs ``python -m module arguments`` and gives its output; raises ``RuntimeError`` when it fails."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one model. ``failure`` is empty when it ran to the end."""

    name: str
    size_bytes: int
    prefill_ms: float = math.nan
    """36 tokens in one batch."""
    decode_ms: float = math.nan
    """One token."""
    memory_bytes: int = 0
    """The most that a process with the model and four conversations held."""
    right: int = 0
    """Right answers, of :data:`voice.models.questions.QUESTIONS`."""
    failure: str = ""

    @property
    def first_clause_ms(self) -> float:
        """From the question's last tokens to a first clause."""
        return self.prefill_ms + FIRST_CLAUSE_TOKENS * self.decode_ms

    @property
    def tokens_per_s(self) -> float:
        """Written."""
        return 1000.0 / self.decode_ms


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Names of models, and why. An empty name: none."""

    opener: str
    opener_because: str
    second: str
    second_because: str


def propose(measured: Sequence[Measured]) -> ModelChoice | None:
    """What to use: the best of those that are fast enough for each place. None where nothing runs."""
    running = [one for one in measured if not one.failure]
    if not running:
        return None
    soon = [one for one in running if one.first_clause_ms <= OPENER_MS]
    opener = max(soon, key=_merit) if soon else min(running, key=lambda one: one.first_clause_ms)
    because = f"a first clause in {opener.first_clause_ms:.0f} ms, {opener.right} of {len(QUESTIONS)} right"
    because += "" if soon else f"; none is within {OPENER_MS:.0f} ms"
    better = [one for one in running if one.right > opener.right]
    second = max(filter(_keeps_up, better), key=_merit, default=None)
    if second is not None:
        said = f"{second.right} of {len(QUESTIONS)} right, a first clause in {second.first_clause_ms:.0f} ms"
        return ModelChoice(opener.name, because, second.name, f"{said}, {second.tokens_per_s:.0f} tokens a second")
    if not better:
        return ModelChoice(opener.name, because, "", "none that is here answers more than the first")
    best = max(better, key=_merit)
    slow = f"a first clause in {best.first_clause_ms:.0f} ms, {best.tokens_per_s:.0f} tokens a second"
    return ModelChoice(opener.name, because, "", f"{best.name} answers more, but is too slow here: {slow}")


def _keeps_up(one: Measured) -> bool:
    return one.first_clause_ms <= SECOND_MS and one.tokens_per_s >= SECOND_TOKENS_PER_S


def _merit(one: Measured) -> tuple[int, float]:
    return one.right, -one.first_clause_ms


def faster(measured: Sequence[Measured], times: float) -> list[Measured]:
    """The same models on a machine that computes so many times faster."""
    return [
        msgspec.structs.replace(one, prefill_ms=one.prefill_ms / times, decode_ms=one.decode_ms / times) for one in measured
    ]


def disturbance(load: float, cores: int) -> str:
    """A caution where other programs compute beside a measurement; empty where hardly any do.

    Args:
        load: how many programs have wanted a core in the last minute.
        cores: how many there are.
    """
    if load < 0.5 * cores:
        return ""
    return f"other programs were busy (load {load:.1f} on {cores} cores): alone, everything here is faster"


def measure(model: Model, *, run: Runner | None = None) -> Measured:
    """Measure one model, tuned if it was. Takes half a minute to minutes.

    Raises:
        ModelError: a file is missing or damaged.
    """
    run = run or _run_child
    path = store.locate(model.name)
    size_bytes = path.stat().st_size
    try:
        figures = json.loads(run("voice.models.trial", ["time", str(path), str(min(os.cpu_count() or 1, 8))]))
        told = json.loads(run("voice.llm.interview", [model.name]))
        return Measured(
            name=model.name,
            size_bytes=size_bytes,
            prefill_ms=figures["prefill_ms"],
            decode_ms=figures["decode_ms"],
            memory_bytes=told["memory_bytes"],
            right=right(told["answers"]),
        )
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        return Measured(name=model.name, size_bytes=size_bytes, failure=str(error) or type(error).__name__)


def present(models: Sequence[Model]) -> list[Model]:
    """Those of the chat models whose files are here and right."""
    return [model for model in models if model.role == "llm" and _is_here(model)]


def _is_here(model: Model) -> bool:
    try:
        store.locate(model.name)
    except ModelError:
        return False
    return True


def _run_child(module: str, arguments: Sequence[str]) -> str:
    return child.run(module, arguments, deadline_s=DEADLINE_S)
