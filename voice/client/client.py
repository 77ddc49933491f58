"""A small client of the plain PCM protocol: what ``voice ask``, ``chat``, ``mic`` and the benchmarks talk through.

One question, its answer::

    async with VoiceClient("ws://127.0.0.1:8765") as client:
        async for message in client.ask("What time is it?"):  # or samples: float32 mono at client.rate_hz
            match message:
                case ReceivedAudio(samples=samples):
                    loudspeaker.write(samples)
                case TranscriptMessage(role="agent", text=text):
                    print(text)

A microphone sends with :meth:`VoiceClient.send_audio` for as long as it is open, silence included (the end of a turn is found
in it), while ``async for message in client`` takes what comes.
"""

import asyncio
import http.client
import itertools
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.core.clock import Clock, MonotonicClock
from voice.core.errors import ConfigError, ProtocolError, ServerUnreachable
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.protocol import messages as m
from voice.protocol.codec import to_json

_decode: msgspec.json.Decoder[m.AnyServerMessage] = msgspec.json.Decoder(m.AnyServerMessage)
_OPEN_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_SEND_WITHIN_S = 10.0
_FRAME_S = 0.02
_DEAF_S = 5.0
"""No turn so long after the last sound: nothing was understood."""
_ANSWER_WITHIN_S = 30.0
"""Between two messages of a turn that is under way."""


@dataclass(frozen=True, slots=True)
class ReceivedAudio:
    """A piece of the reply at the agreed rate, and when it arrived (monotonic seconds)."""

    samples: Samples
    at_s: float


Received = m.AnyServerMessage | ReceivedAudio


class VoiceClient:
    """One conversation with a server; an asynchronous context manager and iterator.

    Args:
        url: ``ws://host:port`` or ``wss://``.
        rate_hz: of the audio in both directions: 8000, 16000, 24000 or 48000.
        token: the server's, if it wants one.
        trace: whether to get the latency-budget record of every turn.
        user, feature: labels for what the turns cost (``voice cost --by user``); empty leaves the server's.
        clock: stamps what arrives.

    Raises:
        ConfigError: on entering, the address is not one of a WebSocket.
        ServerUnreachable: on entering, nobody answers or the server refuses; later, the connection ended with an error.
    """

    def __init__(
        self,
        url: str,
        *,
        rate_hz: int = SAMPLE_RATE_HZ,
        token: str = "",
        trace: bool = False,
        user: str = "",
        feature: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.url = url
        self.rate_hz = rate_hz
        self.clock = clock or MonotonicClock()
        self._token = token
        self._hello = m.Hello(trace=trace, user=user, feature=feature)
        self._connection: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        token = self._token.encode().decode("iso-8859-1")  # headers are bytes, and the library writes them so
        headers = {"Authorization": f"Bearer {token}"} if token else None
        separator = "&" if "?" in self.url else "?"
        try:
            self._connection = await connect(
                f"{self.url}{separator}rate={self.rate_hz}",
                additional_headers=headers,
                compression=None,
                max_size=16 * 2**20,
                open_timeout=_OPEN_WITHIN_S,
                close_timeout=_CLOSE_WITHIN_S,
                proxy=None,
            )
            await self._send(to_json(self._hello))
        except InvalidURI as error:
            raise ConfigError(f"{self.url!r} is not a WebSocket address; write it as ws://127.0.0.1:8765") from error
        except InvalidStatus as error:
            why = (error.response.body or b"").decode("utf-8", "replace").strip() or error.response.reason_phrase
            raise ServerUnreachable(f"{self.url} refused the conversation ({error.response.status_code}): {why}") from error
        except (OSError, WebSocketException) as error:
            raise ServerUnreachable(
                f"no voice server answers at {self.url} ({_why(error)}); start one with: voice serve"
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def send_audio(self, samples: Samples) -> None:
        """Send some of the user's audio: float32 mono at :attr:`rate_hz`."""
        await self._send(pcm16_from_float(samples))

    async def send_text(self, text: str) -> None:
        """Send a typed turn."""
        await self._send(to_json(m.Text(text=text)))

    async def send_played(self, turn: int, ms: float, clears: int | None = None) -> None:
        """Say how much of a reply has been played; :class:`~voice.client.position.ReplyPosition` counts it."""
        await self._send(to_json(m.Played(turn=turn, ms=ms, clears=clears)))

    async def ask(self, said: "str | Samples") -> AsyncGenerator[Received]:
        """Type something, or say it as a microphone would (in real time, then silence); take what comes until it is answered.

        Ends with the last message of the turn; for audio, when all turns in it are over, or 5 s behind it when nothing was
        understood. What the server says besides comes too, such as an alarm.

        Raises:
            ProtocolError: the server refuses what was said.
            ServerUnreachable: the connection ended, or the server falls silent for 30 s in the middle of a turn.
        """
        last = m.Trace if self._hello.trace else m.ReplyEndedMessage
        now_s = self.clock.now_s()
        text = said.strip() if isinstance(said, str) else None
        asked = _Asked(text, last, now_s if isinstance(said, str) else now_s + said.size / self.rate_hz)
        saying = asyncio.create_task(self._say(said), name="say")
        try:
            async with aclosing(aiter(self)) as messages:
                while not asked.is_over(self.clock.now_s()):
                    message = await self._next(messages, asked, saying)
                    if message is None:
                        return
                    asked.take(message)
                    yield message
        finally:
            saying.cancel()
            await asyncio.wait([saying])

    async def _next(
        self, messages: AsyncGenerator[Received], asked: "_Asked", saying: "asyncio.Task[None]"
    ) -> "Received | None":
        """The next message; ``None`` when none is to be expected."""
        try:
            async with asyncio.timeout(asked.patience_s(self.clock.now_s())):
                message = await anext(messages, None)
        except TimeoutError:
            if saying.done():
                saying.result()
            if asked.waits:
                raise ServerUnreachable(
                    f"{self.url} has said nothing for {_ANSWER_WITHIN_S:g} s in the middle of a turn"
                ) from None
            return None
        if message is None:
            raise ServerUnreachable(f"{self.url} closed the conversation before it was answered")
        if isinstance(message, m.Error):
            raise ProtocolError(message.message, code=message.code)
        return message

    async def _say(self, said: "str | Samples") -> None:
        if isinstance(said, str):
            await self.send_text(said.strip())
            return
        frame = round(self.rate_hz * _FRAME_S)
        start_s = self.clock.now_s()
        for number in itertools.count():
            piece = said[number * frame : (number + 1) * frame]
            await asyncio.sleep(max(0.0, start_s + (number + 1) * _FRAME_S - self.clock.now_s()))
            await self.send_audio(np.concatenate((piece, np.zeros(frame - piece.size, dtype=np.float32))))

    async def __aiter__(self) -> AsyncGenerator[Received]:
        """What the server sends, until it closes the connection. A message of a type not known here is passed over."""
        connection = self._connected()
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    yield ReceivedAudio(float_from_pcm16(message), self.clock.now_s())
                elif (known := _parse(message)) is not None:
                    yield known
        except ConnectionClosed as error:
            raise _ended(self.url, error) from error

    async def _send(self, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_WITHIN_S):
                await self._connected().send(message)
        except ConnectionClosed as error:
            raise _ended(self.url, error) from error
        except TimeoutError as error:
            raise ServerUnreachable(f"{self.url} has taken nothing for {_SEND_WITHIN_S:g} s") from error

    def _connected(self) -> ClientConnection:
        if self._connection is None:
            raise RuntimeError("enter the client first: async with VoiceClient(url) as client")
        return self._connection


@dataclass(slots=True)
class _Asked:
    """Which turns answer what was asked, and whether they are over.

    Attributes:
        text: what was typed; ``None`` for audio.
        last: the message that ends a turn.
        ends_s: when the last of it is said.
    """

    text: str | None
    last: type[m.Trace] | type[m.ReplyEndedMessage]
    ends_s: float
    turns: set[int] = field(default_factory=set)
    answered: bool = False

    def take(self, message: Received) -> None:
        """Note one message."""
        match message:
            case m.SpeechStartedMessage(turn=turn) if self.text is None:
                self.turns.add(turn)
            case m.TranscriptMessage(role="user", final=True, text=text, turn=int(turn)) if text.strip() == self.text:
                self.turns.add(turn)
            case m.ReplyEndedMessage(turn=turn, reason=reason) if turn in self.turns:
                self.answered = self.answered or reason != "nothing_said"
        if isinstance(message, self.last):
            self.turns.discard(message.turn)

    @property
    def waits(self) -> bool:
        """Whether the server owes an answer."""
        return bool(self.turns) or (self.text is not None and not self.answered)

    def is_over(self, now_s: float) -> bool:
        """Whether everything is said and answered."""
        return self.answered and not self.turns and now_s >= self.ends_s

    def patience_s(self, now_s: float) -> float:
        """How long the next message may take."""
        after_s = _ANSWER_WITHIN_S if self.waits else 0.0 if self.answered else _DEAF_S
        return max(0.0, self.ends_s - now_s) + after_s


def _parse(text: str) -> m.AnyServerMessage | None:
    try:
        return _decode.decode(text)
    except msgspec.DecodeError:
        return None


def _ended(url: str, error: ConnectionClosed) -> ServerUnreachable:
    why = f"{error.rcvd.code} {error.rcvd.reason}".strip() if error.rcvd is not None else "the connection broke"
    return ServerUnreachable(f"{url} ended the conversation: {why}")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_OPEN_WITHIN_S:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


async def health(url: str, *, timeout_s: float = 0.5) -> Mapping[str, Any] | None:
    """The state of the voice server at a WebSocket address (see ``/health``); ``None`` when there is none."""
    return await asyncio.to_thread(_health, url, timeout_s)


def _health(url: str, timeout_s: float) -> Mapping[str, Any] | None:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port or (443 if secure else 80), timeout=timeout_s)
    try:
        connection.request("GET", "/health")
        state = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return state if isinstance(state, dict) and "protocol" in state else None
