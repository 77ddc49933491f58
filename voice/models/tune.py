"""Tune: the fastest quantisation of a language model on this machine whose answers stay equal or close to the original.

Strategy: which integer kernels are fast is a property of the processor, and what a requantisation costs is a property of the
weights, so both are measured here. Each candidate runs in a child process (see :mod:`voice.models.trial`): one that crashes has
failed, and that is all.
"""

import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from voice.core import cpu
from voice.core.errors import ModelError
from voice.models import child, files, store, tuned
from voice.models.manifest import Model
from voice.models.tuned import Trial, Tuned

AS_SHIPPED = "as shipped"
CANDIDATES = ("q8_0", "q4_0")

MIN_AGREEMENT = 0.9
"""A candidate's first choice is the reference's token at least this often ..."""
MAX_DIVERGENCE = 0.05
"""... and its distributions are within this many nats of the reference's on average. A rounding to 8 bits costs about 0.01."""

FIRST_CLAUSE_TOKENS = 8
"""What is compared is the time to a first clause: a prefill and this many tokens."""

DEADLINE_S = 240.0
"""Of one child."""

Runner = Callable[[Sequence[str]], str]
"""Runs ``python -m voice.models.trial`` with arguments and gives its output; raises ``RuntimeError`` when it fails."""


def objection(trial: Trial) -> str:
    """Why a trial cannot win; empty when it can."""
    if trial.failure:
        return trial.failure
    if not (trial.agreement >= MIN_AGREEMENT and trial.divergence <= MAX_DIVERGENCE):
        return "its answers differ too much"
    return ""


def first_clause_ms(trial: Trial) -> float:
    """What the user waits for the language model: lower is better."""
    return trial.prefill_ms + FIRST_CLAUSE_TOKENS * trial.decode_ms


def fastest(trials: Sequence[Trial]) -> Trial | None:
    """The trial to keep; None when none can win."""
    return min((trial for trial in trials if not objection(trial)), key=first_clause_ms, default=None)


def remembered(model: Model) -> Tuned | None:
    """The choice made earlier for this file on this processor with this llama.cpp, if its file is still right."""
    choice = tuned.read(store.folder_of(model.name))
    if choice is None or choice.source_sha256 != model.primary.sha256:
        return None
    if (choice.cpu, choice.llama_cpp) != (cpu.identity(), _llama_version()) or store.report(model).state != "tuned":
        return None
    return choice


def tune(model: Model, *, say: Callable[[str], None] = lambda _: None, run: Runner | None = None) -> Tuned:
    """Try all candidates, keep the fastest good one beside the file as shipped, and remember it. Takes seconds.

    Raises:
        ModelError: the file is missing or damaged, not even it can be run, or the disk is full.
    """
    run = run or _run_child
    folder = store.folder_of(model.name)
    for file in model.files:
        store.check(model, file)
    shipped = folder / model.primary.path
    threads = min(os.cpu_count() or 1, 8)
    try:
        with files.locked(folder / ".tune.lock"), tempfile.TemporaryDirectory(prefix=".tune-", dir=folder) as name:
            if shutil.disk_usage(folder).free < 3 * model.size_bytes:
                raise ModelError(f"{model.name}: tuning needs {3 * model.size_bytes / 1e6:.0f} MB of free disk in {folder}")
            trials = _try_all(shipped, Path(name), threads, say, run)
            best = fastest(trials)
            if best is None:
                raise ModelError(f"{model.name} does not run here: {trials[0].failure}; delete .venv and run scripts/start")
            return _keep(model, best, tuple(trials), Path(name), threads)
    except OSError as error:
        raise ModelError(f"{model.name}: cannot tune: {error.strerror or error} ({error.filename or folder})") from error


def _try_all(shipped: Path, temporary: Path, threads: int, say: Callable[[str], None], run: Runner) -> list[Trial]:
    reference = temporary / "reference.npz"
    trials = []
    for kind in (AS_SHIPPED, *CANDIDATES):
        say(kind)
        path = shipped if kind == AS_SHIPPED else temporary / f"{kind}.gguf"
        try:
            if path is not shipped:
                run(["quantise", str(shipped), str(path), kind])
            figures = json.loads(run(["measure", str(path), str(threads), str(reference)]))
            trial = Trial(quantisation=kind, size_bytes=path.stat().st_size, **figures)
        except (RuntimeError, ValueError, TypeError, FileNotFoundError) as error:
            trial = Trial(quantisation=kind, failure=str(error))
        if path is not shipped and objection(trial):
            path.unlink(missing_ok=True)
        trials.append(trial)
        if kind == AS_SHIPPED and trial.failure:
            break  # nothing to compare with
    return trials


def _keep(model: Model, best: Trial, trials: tuple[Trial, ...], temporary: Path, threads: int) -> Tuned:
    folder = store.folder_of(model.name)
    if best.quantisation == AS_SHIPPED:
        name, digest = model.primary.path, model.primary.sha256
    else:
        made, name = temporary / f"{best.quantisation}.gguf", f"tuned-{best.quantisation}.gguf"
        digest = files.sha256(made)
        files.move_into_place(made, folder / name)
        files.remember(folder, name, files.look(folder / name, digest))
    choice = Tuned(
        file=name,
        quantisation=best.quantisation,
        size_bytes=(folder / name).stat().st_size,
        sha256=digest,
        source_sha256=model.primary.sha256,
        cpu=cpu.identity(),
        llama_cpp=_llama_version(),
        threads=threads,
        trials=trials,
    )
    tuned.write(folder, choice)
    for loser in folder.glob("tuned-*.gguf"):
        if loser.name != name:
            loser.unlink()
    return choice


def _llama_version() -> str:
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError("llama-cpp-python is not installed; run scripts/start") from error


def _run_child(arguments: Sequence[str]) -> str:
    return child.run("voice.models.trial", arguments, deadline_s=DEADLINE_S)
