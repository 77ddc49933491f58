"""Two models of one family: a small and a large one, or the same weights, quantised differently."""

import subprocess
import sys
from pathlib import Path

from voice.core.errors import ModelError
from voice.models import files, manifest, store
from voice.models.store import as_shipped, home

_WITHIN_S = 600.0


SMALL, LARGE = "llm-qwen2.5-coder-0.5b", "llm-qwen2.5-coder-1.5b"
"""They share a tokenizer and a chat template."""


def pair(of: str | None, *, edge_model: str) -> tuple[Path, Path]:
    """The file that drafts and the one that verifies.

    Args:
        of: a model of which both are made, as ``q4_0`` and ``q8_0``. Without one the small and the large model are taken,
            where both are here, else ``edge_model`` is.
        edge_model: see there.

    Raises:
        ModelError: as :func:`quantised`.
    """
    if of is None:
        try:
            return store.locate(SMALL), store.locate(LARGE)
        except ModelError:
            of = edge_model
    return quantised(of, "q4_0"), quantised(of, "q8_0")


def quantised(name_or_path: str, kind: str) -> Path:
    """A language model as ``q4_0`` or ``q8_0``: made once from the file as shipped, kept beside the models.

    Q4_0 is made by the importance of the model's columns (:mod:`voice.models.importance`): half a minute, once.

    Args:
        name_or_path: a name in the manifest, or a GGUF file.
        kind: the quantisation.

    Raises:
        ModelError: the model is missing or damaged, or cannot be quantised so.
    """
    known = manifest.load().find(name_or_path)
    if known is not None:
        for file in known.files:
            store.check(known, file)
    source = as_shipped(known) if known is not None else store.locate(name_or_path)
    folder = home() / "pairs"
    weighed = ["weighed"] if kind == "q4_0" else []
    made = folder / f"{source.stem}.{files.sha256(source)[:12]}.{'-'.join([kind, *weighed])}.gguf"
    if made.is_file():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    part = made.with_suffix(".part")
    command = [sys.executable, "-m", "voice.models.trial", "quantise", str(source), str(part), kind, *weighed]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603
    except (subprocess.TimeoutExpired, OSError) as error:
        raise ModelError(f"{source.name} cannot be quantised to {kind}: {error}") from error
    if done.returncode or not part.is_file():
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise ModelError(f"{source.name} cannot be quantised to {kind}: {lines[-1][:200]}")
    part.replace(made)
    return made
