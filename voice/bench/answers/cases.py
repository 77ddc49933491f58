"""Conversations whose last reply can be checked, and the check."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from voice.bench.data.recordings import spread
from voice.core.errors import ConfigError
from voice.protocol.messages import MAX_TEXT_CHARS

DATA = Path("../shared/data/answers/answers.jsonl")
"""Used when it is there: facts, things that cannot be done, skills, and questions that need what was said before."""
KINDS = ("fact", "cannot", "skill", "context")
Said = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARS, pattern=r"\S")]


class AnswerCase(msgspec.Struct, frozen=True):
    """One conversation.

    Attributes:
        turns: what the user says, in order.
        accept: a regular expression that the last reply must hold, in any case.
        reject: one that it must not hold; empty: anything may stand in it.
    """

    kind: Literal["fact", "cannot", "skill", "context"]
    turns: Annotated[tuple[Said, ...], msgspec.Meta(min_length=1)]
    accept: Annotated[str, msgspec.Meta(min_length=1)]
    reject: str = ""

    def is_right(self, reply: str) -> bool:
        """Whether the last reply is what it should be."""
        text = reply.replace("\u2019", "'")
        return _holds(self.accept, text) and not (self.reject and _holds(self.reject, text))


def _holds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def read_cases(manifest: Path | None, *, limit: int | None = None) -> list[AnswerCase]:
    """The conversations of a manifest, or of the data folder; at most ``limit``, evenly spread.

    Raises:
        ConfigError: there is none, or a line is not what it should be.
    """
    if manifest is None and not DATA.is_file():
        raise ConfigError(f"there are no conversations at {DATA}; give your own with --manifest FILE.jsonl")
    path = manifest or DATA
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the manifest {path}: {getattr(error, 'strerror', None) or error}") from error
    cases = parse_cases(lines, str(path))
    return cases if limit is None else spread(cases, limit)


def parse_cases(lines: Sequence[str], name: str) -> list[AnswerCase]:
    """The conversations of JSON lines; ``name`` is the file's, for errors.

    Raises:
        ConfigError: a line is not what it should be, or there is none.
    """
    found = [_parsed(line, f"{name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise ConfigError(f"{name} holds no conversation")
    return found


def _parsed(line: str, where: str) -> AnswerCase:
    try:
        case = msgspec.json.decode(line, type=AnswerCase)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        example = '{"kind": "fact", "turns": ["Who wrote Faust?"], "accept": "goethe", "reject": ""}'
        raise ConfigError(f"{where}: {error}; write it as {example}") from error
    for pattern in (case.accept, case.reject):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"{where}: {pattern!r} is no regular expression: {error}") from error
    return case
