"""A small client of the plain PCM protocol: what ``voice ask``, ``voice chat`` and the benchmarks talk through."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.clock import Clock, MonotonicClock
from voice.errors import ConfigError, ServerUnreachable
from voice.server import messages as m
from voice.server.pcm import to_json
from voice.stages import SAMPLE_RATE_HZ, Samples

_decode: msgspec.json.Decoder[m.AnyServerMessage] = msgspec.json.Decoder(m.AnyServerMessage)
_OPEN_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_SEND_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class ReceivedAudio:
    """A piece of the reply at the agreed rate, and when it arrived (monotonic seconds)."""

    samples: Samples
    at_s: float


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

    async def send_played(self, turn: int, ms: float) -> None:
        """Say how much of a reply has been played."""
        await self._send(to_json(m.Played(turn=turn, ms=ms)))

    async def __aiter__(self) -> AsyncIterator[m.AnyServerMessage | ReceivedAudio]:
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
