"""What travels between ``voice`` and ``voice verifier``: MessagePack in binary WebSocket messages, version 1 (pure).

The server speaks first (:class:`VerifierHello`). Of a prefix only what the session does not hold travels: the first ``keep``
tokens of what was sent last (prefix and draft), then ``append``; ``checksum`` is the CRC-32 of the whole prefix as little-
endian 32-bit integers, so that two sides that disagree notice at once. Answers come in the order of the questions.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from voice.core.errors import VerifierError

VERSION = 1


class VerifierHello(msgspec.Struct, frozen=True, tag="hello", array_like=True):
    """The server, as soon as the connection is there. Fields as in :class:`voice.draft.verifier.Identity`."""

    protocol: int
    model: str
    version: str
    vocabulary: str
    template: str
    vocabulary_size: int
    max_draft: int
    depth: int
    context_tokens: int
    token_ms: float


class Chance(msgspec.Struct, frozen=True, array_like=True):
    """How to choose: see :class:`voice.draft.acceptance.Sampling`. ``seed`` 0 is greedy's, or any."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0


class Verify(msgspec.Struct, frozen=True, tag="verify", array_like=True):
    """Judge a draft. ``support`` and ``weights`` are empty, or one list for each draft token."""

    id: int
    keep: int
    append: list[int]
    checksum: int
    draft: list[int]
    chance: Chance = Chance()
    bonus: bool = True
    follows: bool = False
    support: list[list[int]] = []
    weights: list[list[float]] = []


class Stream(msgspec.Struct, frozen=True, tag="stream", array_like=True):
    """Generate. Answered by :class:`Tokens` and, at the end, :class:`Done`."""

    id: int
    keep: int
    append: list[int]
    checksum: int
    max_tokens: int
    chance: Chance = Chance()


class Offer(msgspec.Struct, frozen=True, tag="offer", array_like=True):
    """A draft for the stream ``id``, from ``place`` of its tokens on. It has no answer but the stream itself."""

    id: int
    place: int
    draft: list[int]


class Stop(msgspec.Struct, frozen=True, tag="stop", array_like=True):
    """Nobody waits for the answer to ``id`` any more."""

    id: int


class Judged(msgspec.Struct, frozen=True, tag="judged", array_like=True):
    """The verdict: see :class:`voice.draft.verifier.DraftVerdict`. ``version`` is the model's: it may not change underway."""

    id: int
    accepted: int
    token: int
    """The correction or bonus; -1 for none."""
    logprobs: list[float]
    compute_ms: float
    version: str
    stale: bool = False


class Tokens(msgspec.Struct, frozen=True, tag="tokens", array_like=True):
    """More of a stream."""

    id: int
    tokens: list[int]
    logprobs: list[float]


class Done(msgspec.Struct, frozen=True, tag="done", array_like=True):
    """The end of a stream."""

    id: int
    version: str


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """There is no answer to ``id`` (0: to something that cannot be understood)."""

    id: int
    code: str
    message: str


Question = Verify | Stream | Offer | Stop
Answer = VerifierHello | Judged | Tokens | Done | Failed

_encoder = msgspec.msgpack.Encoder()
_questions = msgspec.msgpack.Decoder(Question)
_answers = msgspec.msgpack.Decoder(Answer)


def encode(message: Question | Answer) -> bytes:
    """To bytes."""
    return _encoder.encode(message)


def question(data: bytes | str) -> Question:
    """A client's message.

    Raises:
        VerifierError: it is none.
    """
    found: Question = _decode(_questions, data)
    return found


def answer(data: bytes | str) -> Answer:
    """A server's message.

    Raises:
        VerifierError: it is none.
    """
    found: Answer = _decode(_answers, data)
    return found


def checksum(tokens: Sequence[int]) -> int:
    """Of a prefix.

    Raises:
        VerifierError: a number that is no 32-bit integer.
    """
    try:
        return zlib.crc32(struct.pack(f"<{len(tokens)}i", *tokens))
    except struct.error as error:
        raise VerifierError("token numbers are 32-bit integers") from error


def _decode(decoder: "msgspec.msgpack.Decoder[Any]", data: bytes | str) -> Any:
    if isinstance(data, str):
        raise VerifierError("a text message where MessagePack in a binary one was expected")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerifierError(f"not a message of the verifier's protocol, version {VERSION}: {error}") from error
