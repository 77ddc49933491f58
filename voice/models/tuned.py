"""``tuned.toml``: which form of a language model is the fastest good one on this machine, and the figures behind it."""

import json
import math
import tomllib
from pathlib import Path

import msgspec

from voice.models import files

FILE = "tuned.toml"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one quantisation. ``failure`` is empty when it ran to the end."""

    quantisation: str
    prefill_ms: float = math.nan
    """36 tokens in one batch, the best of several rounds."""
    decode_ms: float = math.nan
    """One token, the best of several rounds."""
    agreement: float = math.nan
    """Share of the reference's answer tokens that are its first choice too (0 to 1)."""
    divergence: float = math.nan
    """Mean Kullback-Leibler divergence of its next-token distributions from the reference's, in nats."""
    size_bytes: int = 0
    failure: str = ""


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The choice. ``file`` is in the model's folder; it is what ``size_bytes`` and ``sha256`` say."""

    file: str
    quantisation: str
    size_bytes: int
    sha256: str
    source_sha256: str
    """Of the file as shipped: a choice made for another one does not count."""
    cpu: str
    llama_cpp: str
    threads: int
    trials: tuple[Trial, ...]


def read(folder: Path) -> Tuned | None:
    """The choice remembered in a model's folder; None when none can be read: then the file as shipped is used."""
    try:
        found = msgspec.convert(tomllib.loads((folder / FILE).read_text(encoding="utf-8")), Tuned)
    except (OSError, ValueError, msgspec.ValidationError):
        return None
    return found if Path(found.file).name == found.file else None


def write(folder: Path, choice: Tuned) -> None:
    """Remember a choice, atomically."""
    simple = msgspec.to_builtins(choice)
    trials = simple.pop("trials")
    lines = ["# Made by: voice models tune. Delete it to use the file as shipped.", *_lines(simple)]
    for trial in trials:
        lines += ["", "[[trials]]", *_lines(trial)]
    files.write_atomically(folder / FILE, ("\n".join(lines) + "\n").encode())


def _lines(table: dict[str, object]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items() if value is not None]


def _value(value: object) -> str:
    if isinstance(value, str):  # what json.dumps makes of printable characters is a TOML basic string too
        return json.dumps("".join(c if c.isprintable() else " " for c in value), ensure_ascii=False)
    return repr(value)
