"""The seams: what the spine asks of each stage, in flow order.

One protocol of one to three methods per stage. A model is not a stream: weights load once, and what belongs to one
conversation is an object of its own (:class:`SpeechDetector`, :class:`Chat`). Retry, fallback and tracing wrap these; they are
not built in.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from voice.core.worker import Priority

SAMPLE_RATE_HZ = 16_000
"""The rate of all audio between the edge of the program and recognition."""

WINDOW_SAMPLES = 512
"""The detector's window: 32 ms."""

Samples = npt.NDArray[np.float32]
"""Mono audio, float32 in [-1, 1]; 16 kHz on the way in, the voice's own rate on the way out."""


# --- hearing -----------------------------------------------------------------------------------------------------------------


class SpeechDetector(Protocol):
    """Voice activity of one stream. Holds the stream's state; cheap enough (< 1 ms a window) to run on the event loop."""

    def probability(self, window: Samples) -> float:
        """The probability (0 to 1) of speech in the next window of exactly 512 samples.

        Raises :class:`~voice.core.errors.DetectorError`; the next window may be tried.
        """
        ...

    def reset(self) -> None:
        """Forget the stream."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """What recognition made of some audio.

    Attributes:
        text: stripped; empty when nothing was said.
        avg_logprob: mean natural-log probability of its tokens (0 is certain; below about -1 it is a guess).
        no_speech: the model's probability that there is no speech.
        trails_off: its probability that "..." follows the last word, ``None`` where it does not say.
        breaks_off: its probability that "-" follows the last word, as behind a word cut in two; ``None`` likewise.
        doubtful: recognition itself does not believe it: it is worth hearing once more, as a final.
    """

    text: str
    avg_logprob: float = 0.0
    no_speech: float = 0.0
    trails_off: float | None = None
    breaks_off: float | None = None
    doubtful: bool = False


class Recognizer(Protocol):
    """Speech recognition. One per process, shared by all conversations."""

    async def transcribe(self, audio: Samples, *, priority: Priority = Priority.FINAL) -> Transcript:
        """Recognise one utterance (16 kHz, up to 28 s; more is cut at the front).

        Cancel-safe. Raises :class:`~voice.core.errors.AsrError` or :class:`~voice.core.errors.Overloaded`.
        """
        ...


class TurnDetector(Protocol):
    """End of turn from the sound alone (prosody, pace). One per process."""

    async def completeness(self, audio: Samples) -> float:
        """The probability (0 to 1) that the speaker has finished, from the last 8 s (16 kHz).

        Cancel-safe. Raises :class:`~voice.core.errors.TurnDetectorError` or :class:`~voice.core.errors.Overloaded`.
        """
        ...


# --- thinking ----------------------------------------------------------------------------------------------------------------


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation as a language model sees it."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    Attributes:
        text: the characters that became certain with it (may be empty in the middle of a UTF-8 sequence).
        logprob: its natural-log probability under the model, before sampling filters.
    """

    text: str
    logprob: float


class Chat(Protocol):
    """A language model's side of one conversation. Holds that conversation's KV cache.

    Its methods take the whole conversation; what the cache already holds is not computed again, and what no longer agrees
    with it is forgotten. So taking a preempted turn back needs no call at all.
    """

    def reply(
        self, messages: Sequence[Message], *, max_tokens: int, prefix: str = "", anew: bool = False
    ) -> AsyncGenerator[Token, None]:
        """Stream the assistant's answer to ``messages`` (the last of which is the user's).

        ``prefix`` is what the answer begins with; only what follows it is given. ``anew``: another answer than the one that
        was given before, drawn by chance.
        Closing the generator or cancelling its task stops the model within a few milliseconds.
        Raises :class:`~voice.core.errors.ChatError`.
        """
        ...

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """The probability (0 to 1) that the user's last message ends where its text does.

        Costs what a :meth:`prefill` of it costs. Cancel-safe. Raises :class:`~voice.core.errors.ChatError`.
        """
        ...

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Compute ``messages`` ahead of time. The last message may be a prefix of what it will be. Cancel-safe."""
        ...

    def close(self) -> None:
        """Give the cache back. May be called again."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """What became of one request to a cloud model, in tokens.

    Attributes:
        tokens_in: read, and ``tokens_cached`` of them known already.
        tokens_out: written, as they are billed: draft tokens that were read and rejected are among them.
        tokens_drafted: written here to hurry it on.
        draft: how it was drafted, for the trace; empty where it was not.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_drafted: int = 0
    draft: Mapping[str, Any] = field(default_factory=dict)


class CloudModel(Protocol):
    """A language model that somebody else runs. Knows no conversation: everything it is to know goes out with each request."""

    def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        prefix: str,
        on_usage: Callable[[Usage], None],
        kind: str = "",
    ) -> AsyncGenerator[Token, None]:
        """Stream the answer to ``messages``.

        ``prefix`` is what the answer begins with, already spoken: only what follows it is given. ``on_usage`` is called at
        the end, if the cloud says what it counted. ``kind`` of task is the router's, empty where it does not say.

        Closing the generator ends the request. Raises :class:`~voice.core.errors.CloudError`; never waits longer than its
        configuration says for a first or a next *token*, whatever else arrives.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the network. May be called again."""
        ...

    async def warm(self) -> None:
        """Get ready for a request that is likely soon; nothing of a conversation leaves with it. Cancel-safe, never raises."""
        ...

    @property
    def forecast_ms(self) -> float | None:
        """From a request to its first clause; ``None`` while the cloud is not to be asked."""
        ...

    @property
    def can_verify(self) -> bool:
        """Whether it verifies drafts of the edge model at this moment."""
        ...

    @property
    def round_trip_ms(self) -> float | None:
        """The network's share of :attr:`forecast_ms`; ``None`` while it was never measured."""
        ...

    @property
    def why_not(self) -> str:
        """Why the cloud is not to be asked, where there is more to say than that it cannot be reached; else empty."""
        ...


class ChatModel(Protocol):
    """A language model that holds many conversations."""

    def open(self) -> Chat:
        """Begin a conversation.

        Raises:
            ChatBusy: all slots are taken.
        """
        ...

    def close(self) -> None:
        """Free the model and its thread. May be called again."""
        ...


# --- speaking ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of synthesised speech.

    Attributes:
        samples: float32 mono at the synthesiser's rate.
        total_samples: how long the whole clause will be: known as soon as its first chunk is.
    """

    samples: Samples
    total_samples: int


@dataclass(frozen=True, slots=True)
class Filler:
    """A few words that claim nothing, with their audio: said while the reply's own first words are still being made.

    Attributes:
        text: speakable as it is.
        samples: float32 mono at the synthesiser's rate.
    """

    text: str
    samples: Samples


class Synthesizer(Protocol):
    """Speech synthesis. One per process."""

    @property
    def sample_rate_hz(self) -> int:
        """The rate of everything it synthesises."""
        ...

    def stream(self, clause: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak one clause of speakable text, in chunks, without its leading silence.

        Closing the generator stops after the chunk at hand. Raises :class:`~voice.core.errors.SynthesisError`.
        """
        ...
