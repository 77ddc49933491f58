"""``voice verifier``: the WebSocket server around :mod:`voice.verifier.target`.

Strategy: each connection has a session of the model, a reader and a writer. The reader hands every question to the engine at
once, so that those of all clients are in the same step; the writer sends the answers in the order of the questions. What a
client may have waiting is bounded; a message that is none is answered with what is wrong with it, and ends the connection
if nothing can be made of it. No client's fault reaches another one, or the model.
"""

import asyncio
import errno
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as _serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from voice import __version__
from voice.core.config import ServerConfig, VerifierConfig
from voice.core.errors import ChatBusy, ConfigError, VerifierError, VoiceError
from voice.draft import wire
from voice.draft.acceptance import Proposal, Sampling
from voice.draft.verifier import Block, Chosen, DraftVerdict
from voice.server.access import check_client, is_loopback, query_of
from voice.verifier.target import DEPTH, Judge, Target

MAX_MESSAGE_BYTES = 1 << 20
WAITING = 4 * DEPTH
"""Questions of a client that may wait."""
MAX_SUPPORT = 256
"""Tokens of a draft token's distribution."""
SLOW_CLIENT_S = 10.0
"""A client that takes no answer for this long is let go."""
_PROTOCOL_ERROR, _POLICY_VIOLATION, _TRY_AGAIN_LATER = 1002, 1008, 1013

_log = logging.getLogger(__name__)
_library_log = logging.getLogger("voice.verifier.websockets")
_library_log.setLevel(logging.CRITICAL)


def check_listening(config: VerifierConfig) -> None:
    """Refuse to open the model to a network without a token.

    Raises:
        ConfigError: the host is not loopback and there is no token.
    """
    if not config.token and not is_loopback(config.host):
        raise ConfigError(
            f"verifier.host is {config.host!r}, so anyone on the network could use the model; "
            "set verifier.token to a secret, or use verifier.host = '127.0.0.1'"
        )


class VerifierServer:
    """Listens while it is entered. Port 0 takes any free one; see :attr:`port`.

    Raises:
        ConfigError: on construction, a host beyond loopback without a token; on entering, an address that cannot be used.
    """

    def __init__(self, config: VerifierConfig, target: Target, *, token_ms: float = 0.0) -> None:
        check_listening(config)
        self._config = config
        self._target = target
        self._token_ms = token_ms
        self._server: Server | None = None
        self.port = config.port
        self.clients = 0

    @property
    def url(self) -> str:
        """The address for a client on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._config.host, self._config.host)  # noqa: S104
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def __aenter__(self) -> Self:
        try:
            self._server = await _serve(
                self._handle,
                self._config.host or None,
                self._config.port,
                process_request=self._respond,
                compression=None,  # token numbers do not shrink, and each message would wait for the attempt
                server_header=f"voice-verifier/{__version__}",
                max_size=MAX_MESSAGE_BYTES,
                ping_interval=20,
                ping_timeout=20,
                close_timeout=2,
                logger=_library_log,
            )
        except OSError as error:
            where = f"{self._config.host}:{self._config.port}"
            in_use = error.errno == errno.EADDRINUSE
            raise ConfigError(
                f"{where} is already in use; choose another with --port, 0 for any"
                if in_use
                else f"cannot listen on {where} ({error.strerror or error}); check verifier.host and verifier.port"
            ) from error
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close(code=1001, reason="the verifier is shutting down")
            async with asyncio.timeout(10):
                await self._server.wait_closed()

    def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if request.headers.get("Upgrade", "").lower() != "websocket":
            state = {
                "model": self._target.identity.model,
                "version": self._target.identity.version,
                "protocol": wire.VERSION,
                "clients": self.clients,
                "max_clients": self._config.clients,
            }
            if path == "/health":
                return connection.respond(HTTPStatus.OK, json.dumps(state) + "\n")
            if path == "/vocabulary":
                return self._vocabulary(connection, request)
            return connection.respond(HTTPStatus.NOT_FOUND, "This is voice verifier. There is /health, and a WebSocket.\n")
        refusal = check_client(ServerConfig(token=self._config.token), request.headers, query_of(request.path))
        if refusal is not None:
            return connection.respond(HTTPStatus(refusal.status), refusal.why + "\n")
        if not self._target.free:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "All of the verifier's sessions are taken.\n")
        return None

    def _vocabulary(self, connection: ServerConnection, request: Request) -> Response:
        """The model's tokenizer and chat template: a GGUF without its tensors."""
        refusal = check_client(ServerConfig(token=self._config.token), request.headers, query_of(request.path))
        if refusal is not None:
            return connection.respond(HTTPStatus(refusal.status), refusal.why + "\n")
        body = self._target.header
        headers = Headers({"Content-Type": "application/octet-stream", "Content-Length": str(len(body)), "Connection": "close"})
        return Response(200, "OK", headers, body)

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            judge = self._target.open()
        except ChatBusy:
            await connection.close(_TRY_AGAIN_LATER, "all sessions are taken")
            return
        self.clients += 1
        try:
            await _Session(connection, judge, self._hello()).hold()
        except Exception:
            _log.exception("a client's session failed in a way that nobody foresaw")
            await connection.close(1011, "internal error; the verifier's log has the details")
        finally:
            self.clients -= 1
            judge.close()

    def _hello(self) -> wire.VerifierHello:
        who = self._target.identity
        return wire.VerifierHello(
            protocol=wire.VERSION,
            model=who.model,
            version=who.version,
            vocabulary=who.vocabulary,
            template=who.template,
            vocabulary_size=who.vocabulary_size,
            max_draft=who.max_draft,
            depth=DEPTH,
            context_tokens=self._config.context_tokens,
            token_ms=self._token_ms,
        )


@dataclass(slots=True)
class _Pending:
    """A question that is being worked on."""

    id: int
    work: "asyncio.Future[DraftVerdict] | AsyncGenerator[Chosen, None] | VerifierError"
    stopped: bool = False


class _Session:
    """One connection."""

    def __init__(self, connection: ServerConnection, judge: Judge, hello: wire.VerifierHello) -> None:
        self._connection = connection
        self._judge = judge
        self._hello = hello
        self._sent: list[int] = []
        self._pending: asyncio.Queue[_Pending] = asyncio.Queue(WAITING)
        self._open: dict[int, _Pending] = {}

    async def hold(self) -> None:
        """Return when the client has left or was let go."""
        await self._send(self._hello)
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for pending in list(self._open.values()):
                _stop(pending)
                if isinstance(pending.work, AsyncGenerator):
                    await pending.work.aclose()
        for result in results:
            if isinstance(result, VerifierError):
                await self._connection.close(_PROTOCOL_ERROR, str(result).encode()[:120].decode("utf-8", "ignore"))
            elif isinstance(result, Exception) and not isinstance(result, (ConnectionClosed, TimeoutError)):
                raise result

    async def _read(self) -> None:
        async for message in self._connection:
            try:
                question = wire.question(message)
            except VerifierError as error:
                await self._send(wire.Failed(0, "not_understood", str(error)[:300]))
                raise
            if isinstance(question, wire.Stop):
                if (stopped := self._open.get(question.id)) is not None:
                    _stop(stopped)
                continue
            if isinstance(question, wire.Offer):
                if question.id in self._open:  # else it is late, and that is nobody's fault
                    await self._judge.offer(question.place, question.draft)
                continue
            pending = _Pending(question.id, self._begin(question))
            if self._pending.full():
                _stop(pending)
                raise VerifierError(f"more than {WAITING} questions wait for their answers")
            self._open[question.id] = pending
            self._pending.put_nowait(pending)

    def _begin(
        self, question: wire.Verify | wire.Stream
    ) -> "asyncio.Future[DraftVerdict] | AsyncGenerator[Chosen, None] | VerifierError":
        try:
            prefix = self._prefix(question)
            chance = question.chance
            sampling = Sampling(chance.temperature, chance.top_k, chance.top_p)
            if isinstance(question, wire.Stream):
                self._sent = prefix
                return self._judge.stream(prefix, max_tokens=question.max_tokens, sampling=sampling)
            self._sent = [*prefix, *question.draft]
            block = Block(tuple(prefix), _proposals(question), sampling, question.bonus, question.follows)
            return self._judge.begin(block)
        except VerifierError as error:
            self._sent = []
            return error
        except ValueError as error:  # sampling that is none
            return VerifierError(str(error))

    def _prefix(self, question: wire.Verify | wire.Stream) -> list[int]:
        if not 0 <= question.keep <= len(self._sent):
            raise VerifierError(f"the session holds {len(self._sent)} tokens, not {question.keep}; send the whole prefix")
        prefix = [*self._sent[: question.keep], *question.append]
        if wire.checksum(prefix) != question.checksum:
            raise VerifierError("the prefix is not what its checksum says; send the whole prefix")
        return prefix

    async def _write(self) -> None:
        while True:
            pending = await self._pending.get()
            try:
                await self._answer(pending)
            finally:
                if self._open.get(pending.id) is pending:
                    del self._open[pending.id]

    async def _answer(self, pending: _Pending) -> None:
        work = pending.work
        try:
            if isinstance(work, VerifierError):
                raise work
            if isinstance(work, asyncio.Future):
                await self._send(self._judged(pending.id, await work))
            else:
                async with aclosing(work):
                    async for chosen in work:
                        if pending.stopped:
                            break
                        await self._send(wire.Tokens(pending.id, [chosen.token], [round(chosen.logprob, 3)]))
                await self._send(wire.Done(pending.id, self._hello.version))
        except VerifierError as error:
            await self._send(wire.Failed(pending.id, "cannot_be_judged", str(error)[:300]))
        except asyncio.CancelledError:
            if not pending.stopped:
                raise
            await self._send(wire.Failed(pending.id, "stopped", "nobody waits for it"))
        except VoiceError as error:
            await self._send(wire.Failed(pending.id, error.code, str(error)[:300]))

    def _judged(self, number: int, verdict: DraftVerdict) -> wire.Judged:
        behind = verdict.tokens[verdict.accepted :]
        return wire.Judged(
            id=number,
            accepted=verdict.accepted,
            token=behind[0].token if behind else -1,
            logprobs=[round(chosen.logprob, 3) for chosen in verdict.tokens],
            compute_ms=round(verdict.compute_ms, 2),
            version=self._hello.version,
            stale=verdict.stale,
        )

    async def _send(self, message: wire.Answer) -> None:
        async with asyncio.timeout(SLOW_CLIENT_S):
            await self._connection.send(wire.encode(message))


def _proposals(question: wire.Verify) -> tuple[Proposal, ...]:
    if not question.support and not question.weights:
        return tuple(Proposal(token) for token in question.draft)
    if not len(question.support) == len(question.weights) == len(question.draft):
        raise VerifierError("a draft's tokens and their probabilities do not belong together")
    if any(len(support) > MAX_SUPPORT for support in question.support):
        raise VerifierError(f"a draft token's distribution has at most {MAX_SUPPORT} tokens")
    return tuple(
        Proposal(token, tuple(support), tuple(weights))
        for token, support, weights in zip(question.draft, question.support, question.weights, strict=True)
    )


def _stop(pending: _Pending) -> None:
    pending.stopped = True
    if isinstance(pending.work, asyncio.Future):
        pending.work.cancel()
