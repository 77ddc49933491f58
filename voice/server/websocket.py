"""The WebSocket server: one conversation a connection, in one task group.

Strategy: three tasks share a connection. The conversation runs; the reader feeds it; the writer sends its events. Whichever
ends first ends the other two: the reader because the client left, the writer because the client takes nothing, the
conversation because it failed. What the bytes mean is decided in :mod:`voice.protocol.codec`, who may connect in
:mod:`voice.server.access`, what plain HTTP gets in :mod:`voice.server.pages`.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self

from websockets.asyncio.server import Server as _Server
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as _serve
from websockets.datastructures import MultipleValuesError
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voice import __version__
from voice.core.clock import Clock, MonotonicClock
from voice.core.config import ServerConfig
from voice.core.errors import ConfigError, ProtocolError, VoiceError
from voice.core.interfaces import Samples
from voice.protocol import codec
from voice.protocol import messages as m
from voice.server import pages
from voice.server.access import SUBPROTOCOL, check_client, check_host, check_listening, query_of
from voice.server.plain import PlainSpokenConnection
from voice.session.events import Event

SOCKET_PATH = "/ws"
PATHS = ("/", SOCKET_PATH)
"""Where a WebSocket may connect; plain HTTP gets the web page at the first."""

_PING_EVERY_S = 10.0
_PONG_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 2.0
_END_WITHIN_S = 5.0
_AT_ONCE = 8
"""After so many messages the other connections get their chance; each time would wake the process twice a frame."""
_SEND_BUFFER_BYTES = 64 * 1024
"""Small on purpose: what the kernel holds is audio that nobody can take back."""

_log = logging.getLogger(__name__)
_library_log = logging.getLogger("voice.server.websockets")
_library_log.setLevel(logging.CRITICAL)  # it reports every malformed handshake with a traceback


class ServedConversation(Protocol):
    """What a connection needs of :class:`voice.session.ServedConversation`."""

    @property
    def events(self) -> AsyncIterator[Event]:
        """What happens; ends after :meth:`close`."""
        ...

    async def run(self) -> None:
        """Hold the conversation until :meth:`close`."""
        ...

    def push_audio(self, samples: Samples) -> None:
        """Take 16 kHz audio; never waits."""
        ...

    def push_text(self, text: str) -> None:
        """Take a typed turn."""
        ...

    def played(self, turn: int, ms: float, clears: int | None) -> None:
        """So much of a reply was played, after audio of its turn was cleared so often, if that is told."""
        ...

    def label(self, *, user: str, feature: str) -> None:
        """Whom and what the turns from now on are for; empty changes nothing."""
        ...

    def close(self) -> None:
        """End it; may be called again."""
        ...


class VoiceServer:
    """Listens as soon as it is entered; answers 503 until :meth:`open_with` says how to open a conversation.

    Args:
        config: host, port, token and limits. Port 0 takes any free one; see :attr:`port`.
        clock: for the control-message allowance.

    Raises:
        ConfigError: on construction, a host beyond loopback without a token; on entering, an address that cannot be used.
    """

    def __init__(self, config: ServerConfig, *, clock: Clock | None = None) -> None:
        check_listening(config)
        pages.load()
        self._config = config
        self._clock = clock or MonotonicClock()
        self._open: Callable[[], ServedConversation] | None = None
        self._problems: Callable[[], Sequence[str]] = tuple
        self._sessions = 0
        self._server: _Server | None = None
        self.port = config.port

    @property
    def sessions(self) -> int:
        """Conversations held now."""
        return self._sessions

    @property
    def url(self) -> str:
        """The address for a client on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._config.host, self._config.host)  # noqa: S104
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def page_url(self) -> str:
        """The address of the web page, for a browser on this machine."""
        return self.url.replace("ws:", "http:", 1) + "/"

    def open_with(
        self, open_conversation: Callable[[], ServedConversation], *, problems: Callable[[], Sequence[str]] = tuple
    ) -> None:
        """From now on, open a conversation for each connection. The callable may raise any :class:`VoiceError`.

        ``problems`` is asked why no conversation can be held now, a sentence each; empty while it can. ``/health`` says so;
        connections are taken all the same, since what fails may recover with the next turn.
        """
        self._open, self._problems = open_conversation, problems

    async def __aenter__(self) -> Self:
        try:
            self._server = await _serve(
                self._handle,
                self._config.host or None,
                self._config.port,
                process_request=self._respond,
                select_subprotocol=_subprotocol,
                create_connection=PlainSpokenConnection,
                compression=None,  # audio does not shrink, and every message would wait for the attempt
                server_header=f"voice/{__version__}",
                max_size=self._config.max_message_kib * 1024,
                ping_interval=_PING_EVERY_S,
                ping_timeout=_PONG_WITHIN_S,
                close_timeout=_CLOSE_WITHIN_S,
                logger=_library_log,
            )
        except OSError as error:
            raise ConfigError(_cannot_listen(self._config, error)) from error
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye to every client and wait for their conversations to end, for a few seconds at most."""
        if self._server is not None:
            self._server.close(code=codec.GOING_AWAY, reason="the server is shutting down")
            try:
                async with asyncio.timeout(_CLOSE_WITHIN_S + _END_WITHIN_S + 1):
                    await self._server.wait_closed()
            except TimeoutError:
                _log.warning("%d conversations did not end in time", self._sessions)

    # --- before the handshake ----------------------------------------------------------------------------------------------

    def _respond(self, _: ServerConnection, request: Request) -> Response | None:
        try:
            response = self._answer(request)
        except MultipleValuesError as error:
            return pages.text(HTTPStatus.BAD_REQUEST, f"The header {str(error)[:100]} is there more than once.")
        return pages.without_body(response) if response is not None and request.method == "HEAD" else response

    def _answer(self, request: Request) -> Response | None:
        """The HTTP answer to a request; ``None`` lets the WebSocket open."""
        path = request.path.partition("?")[0]
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if not upgrade and request.method not in {"GET", "HEAD"}:
            return pages.text(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.", {"Allow": "GET, HEAD"})
        if not upgrade and path != SOCKET_PATH:
            return self._page(path, request)
        if path not in PATHS:
            return pages.text(HTTPStatus.NOT_FOUND, f"There is nothing at {path[:100]}; connect to one of {', '.join(PATHS)}.")
        return self._refused(request) or (None if upgrade else _not_a_page())

    def _refused(self, request: Request) -> Response | None:
        """Why no conversation can be opened for this request."""
        query = query_of(request.path)
        if refusal := check_client(self._config, request.headers, query):
            return pages.text(HTTPStatus(refusal.status), refusal.why)
        try:
            codec.parse_rate(query.get("rate"))
        except ProtocolError as error:
            return pages.text(HTTPStatus.BAD_REQUEST, str(error))
        if self._open is None:
            return pages.text(HTTPStatus.SERVICE_UNAVAILABLE, "The models are still loading; try again in a few seconds.")
        if self._sessions >= self._config.max_sessions:
            return pages.text(HTTPStatus.SERVICE_UNAVAILABLE, self._full())
        return None

    def _page(self, path: str, request: Request) -> Response:
        if path == "/health":
            why = "; ".join(self._problems()) if self._open is not None else "the models are still loading"
            return pages.data(
                {
                    "ready": not why,
                    "why": why,
                    "sessions": self._sessions,
                    "max_sessions": self._config.max_sessions,
                    "version": __version__,
                    "protocol": m.PROTOCOL_VERSION,
                },
                HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK,
            )
        if refusal := check_host(self._config, request.headers):
            return pages.text(HTTPStatus(refusal.status), refusal.why)
        return pages.page(path) or pages.text(
            HTTPStatus.NOT_FOUND, f"Here are a web page at /, the server's state at /health, and a WebSocket at {SOCKET_PATH}."
        )

    def _full(self) -> str:
        return f"All {self._config.max_sessions} conversations are taken; try again later."

    # --- one connection ----------------------------------------------------------------------------------------------------

    async def _handle(self, connection: ServerConnection) -> None:
        if self._open is None or self._sessions >= self._config.max_sessions:  # taken since the handshake began
            await connection.close(codec.TRY_AGAIN_LATER, self._full())
            return
        self._sessions += 1
        try:
            await self._converse(connection, self._open)
        except VoiceError as error:
            await _refuse(connection, error)
        except Exception:
            _log.exception("a conversation failed in a way that nobody foresaw")
            await connection.close(codec.INTERNAL_ERROR, "internal error; the server's log has the details")
        finally:
            self._sessions -= 1

    async def _converse(self, connection: ServerConnection, open_conversation: Callable[[], ServedConversation]) -> None:
        raw: socket.socket = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        query = query_of(connection.request.path) if connection.request else {}
        rate_hz = codec.parse_rate(query.get("rate"))
        session = _Session(connection, open_conversation(), rate_hz, self._config, self._clock)
        _log.info("a conversation began with %s", connection.remote_address)
        try:
            await session.hold()
        finally:
            _log.info("a conversation ended with %s: %s", connection.remote_address, connection.close_code)


class _Session:
    """One connection and its conversation."""

    def __init__(
        self,
        connection: ServerConnection,
        conversation: ServedConversation,
        rate_hz: int | None,
        config: ServerConfig,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._conversation = conversation
        self._codec = codec.PcmCodec(rate_hz=rate_hz, max_control_per_s=config.max_control_per_s)
        self._config = config
        self._clock = clock

    async def hold(self) -> None:
        """Return when the client has left; raise what ended the conversation otherwise."""
        tasks = [
            asyncio.create_task(self._conversation.run(), name="converse"),
            asyncio.create_task(self._write(), name="write"),
            asyncio.create_task(self._read(), name="read"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The writer still has to send what led to the end of a conversation that closed itself.
            if tasks[0].done() and not tasks[0].cancelled() and not tasks[0].exception():
                await asyncio.wait(tasks[1:2], timeout=self._config.slow_client_s)
        finally:
            self._conversation.close()
            tasks[2].cancel()
            _, late = await asyncio.wait(tasks, timeout=_END_WITHIN_S)
            for task in late:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
                raise _foreseen(result) or result

    async def _read(self) -> None:
        taken = 0
        async for message in self._connection:
            try:
                done = await self._take(self._codec.receive(message, self._clock.now_s()))
            except ProtocolError as error:
                if error.close_code is not None:
                    raise
                await self._send(codec.error_json(error))
            except VoiceError as error:  # too many typed turns wait
                await self._send(codec.error_json(error))
            else:
                if done:
                    return
            taken += 1
            if taken % _AT_ONCE == 0:
                await asyncio.sleep(0)  # a client that floods must not keep the others waiting

    async def _take(self, action: codec.Action | None) -> bool:
        """Do what the client asks for; whether it said goodbye."""
        match action:
            case codec.Audio(samples=samples):
                self._conversation.push_audio(samples)
            case m.Text(text=text):
                self._conversation.push_text(text)
            case m.Played(turn=turn, ms=ms, clears=clears):
                self._conversation.played(turn, ms, clears)
            case codec.Greeted(json=ready, user=user, feature=feature):
                self._conversation.label(user=user, feature=feature)
                await self._send(ready)
            case m.Bye():
                return True
            case None:
                pass
        return False

    async def _write(self) -> None:
        async for event in self._conversation.events:
            for message in self._codec.send(event):
                await self._send(message)

    async def _send(self, message: str | bytes) -> None:
        try:
            async with asyncio.timeout(self._config.slow_client_s):
                await self._connection.send(message)
        except TimeoutError as error:
            raise ProtocolError(
                f"the client has taken nothing for {self._config.slow_client_s:g} s",
                code="slow_client",
                close_code=codec.POLICY_VIOLATION,
            ) from error


async def _refuse(connection: ServerConnection, error: VoiceError) -> None:
    """Tell a client why its conversation ends, as far as it listens, and close."""
    code = error.close_code if isinstance(error, ProtocolError) else None
    if code is None:
        code = codec.TRY_AGAIN_LATER if error.retryable else codec.INTERNAL_ERROR
    _log.info("a conversation with %s is ended: %s", connection.remote_address, error)
    try:
        async with asyncio.timeout(_CLOSE_WITHIN_S):
            await connection.send(codec.error_json(error))
    except (TimeoutError, ConnectionClosed):
        _log.debug("the client did not take the reason")
    await connection.close(code, _reason(str(error)))


def _foreseen(error: Exception) -> VoiceError | None:
    """The error that ended a task group, where it is one of ours."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, VoiceError) else None


def _subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """A browser that offers some (one carries the token) wants one of them agreed to; other clients need none."""
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


def _reason(text: str) -> str:
    """A close reason: 123 bytes of UTF-8 at most (RFC 6455, section 5.5.1)."""
    return text.encode()[:123].decode("utf-8", "ignore")


def _cannot_listen(config: ServerConfig, error: OSError) -> str:
    where = f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is already in use, perhaps by another voice; stop it or choose another with --set server.port=0"
    if error.errno == errno.EACCES:
        return f"{where} needs more rights than this user has; choose a port above 1023"
    return f"cannot listen on {where} ({error.strerror or error}); check server.host and server.port"


def _not_a_page() -> Response:
    sentence = (
        "This is the address of a WebSocket, not of a page: connect with ws:// (docs/protocol.md), or open / in a browser."
    )
    return pages.text(HTTPStatus.UPGRADE_REQUIRED, sentence, {"Upgrade": "websocket"})
