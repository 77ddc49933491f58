"""``voice verifier`` over a WebSocket, as a :class:`~voice.draft.verifier.Verifier`.

Strategy: one connection a conversation. A reader task hands each answer to whoever waits for it; answers come in the order of
the questions, so one that comes before its turn, or belongs to no question, means that the other side cannot be believed any
more, and the connection is dropped. The next reply opens another one.
"""

import asyncio
import contextlib
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from voice.core.errors import BadVerdict, VerifierError, first_line
from voice.draft import http, wire
from voice.draft.acceptance import Sampling
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity
from voice.llm.header import MAX_BYTES

TOKENIZER_WITHIN_S = 10.0
CONNECT_WITHIN_S = 3.0
STUCK_S = 1.0
"""Whatever was stopped should have ended by then: its end takes a round trip."""
_MAX_ANSWER_BYTES = 1 << 20

_log = logging.getLogger(__name__)
_library_log = logging.getLogger("voice.draft.websockets")
_library_log.setLevel(logging.CRITICAL)


class _Waiting:
    """A question without its answer.

    Args:
        drafted: the draft that is asked about; ``None`` where a stream is.
        most_tokens: of a stream: more than was asked for is no answer.
    """

    def __init__(self, drafted: Sequence[int] | None, most_tokens: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self.drafted = drafted
        self.verdict: asyncio.Future[DraftVerdict] = loop.create_future()
        self.verdict.add_done_callback(lambda future: None if future.cancelled() else future.exception())
        self._room = most_tokens
        self.tokens: asyncio.Queue[Chosen | VerifierError | None] = asyncio.Queue(most_tokens + 2)  # an end, and an error

    def stream(self, tokens: Sequence[Chosen]) -> None:
        """More of a stream. Raises :class:`BadVerdict` when it is more than was asked for."""
        self._room -= len(tokens)
        if self._room < 0:
            raise BadVerdict("the verifier sends more tokens than were asked for")
        for chosen in tokens:
            self.tokens.put_nowait(chosen)

    def fail(self, error: VerifierError) -> None:
        if not self.verdict.done():
            self.verdict.set_exception(error)
        self.tokens.put_nowait(error)


class RemoteVerifier:
    """A connection to ``voice verifier``; open it with :meth:`connect`."""

    def __init__(
        self, connection: ClientConnection, hello: wire.VerifierHello, *, rtt_ms: float = 0.0, url: str = "", token: str = ""
    ) -> None:
        self._connection = connection
        self._address = (url, token)
        self.identity = Identity(
            model=hello.model,
            version=hello.version,
            vocabulary=hello.vocabulary,
            template=hello.template,
            vocabulary_size=hello.vocabulary_size,
            max_draft=hello.max_draft,
            token_ms=hello.token_ms,
            rtt_ms=rtt_ms,
        )
        self.depth = max(1, min(8, hello.depth))
        self.sent_bytes = self.received_bytes = 0
        self._ids = self._streaming = 0
        self._sent: list[int] = []
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._stopped: dict[int, float] = {}
        self._broken: VerifierError | None = None
        self._reader = asyncio.create_task(self._read(), name="verifier-answers")

    @classmethod
    async def connect(cls, url: str, *, token: str = "", within_s: float = CONNECT_WITHIN_S) -> "RemoteVerifier":
        """Open a session.

        Raises:
            VerifierError: nobody answers there within the time, the token is wrong, all sessions are taken, or it speaks
                another protocol.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with asyncio.timeout(within_s):
                connection = await connect(
                    url, additional_headers=headers, compression=None, max_size=_MAX_ANSWER_BYTES, logger=_library_log
                )
                try:
                    hello = _hello(await connection.recv())
                    rtt_s = min([await (await connection.ping()) for _ in range(2)])
                except BaseException:
                    connection.transport.abort()
                    raise
        except TimeoutError as error:
            raise VerifierError(f"the verifier at {url} does not answer within {within_s:g} s; is it running?") from error
        except InvalidStatus as error:
            status = error.response.status_code
            cure = {401: "set its token in the environment (draft.token_env)", 503: "try again later"}.get(
                status, "check draft.url"
            )
            raise VerifierError(f"the verifier at {url} refuses (HTTP {status}); {cure}") from error
        except VerifierError:
            raise
        except Exception as error:  # the library's own kinds, and the system's
            raise VerifierError(f"no verifier at {url} ({first_line(error)}); start one with: voice verifier") from error
        return cls(connection, hello, rtt_ms=rtt_s * 1e3, url=url, token=token)

    @property
    def broken(self) -> bool:
        """Whether the connection is of no use any more: it is gone, or so slow that not even what was stopped has ended."""
        now_s = asyncio.get_running_loop().time()
        stuck = any(now_s - stopped_s > STUCK_S for number, stopped_s in self._stopped.items() if number in self._waiting)
        return stuck or self._broken is not None

    async def verify(self, block: Block) -> DraftVerdict:
        """See :class:`~voice.draft.verifier.Verifier`."""
        drafted = [proposal.token for proposal in block.draft]
        self._ids += 1
        keep, checksum = self._keep(block.prefix), wire.checksum(block.prefix)
        full = any(proposal.support for proposal in block.draft)
        question = wire.Verify(
            id=self._ids,
            keep=keep,
            append=list(block.prefix[keep:]),
            checksum=checksum,
            draft=drafted,
            chance=_chance(block.sampling),
            bonus=block.bonus,
            follows=block.follows,
            support=[list(proposal.support) for proposal in block.draft] if full else [],
            weights=[[round(weight, 6) for weight in proposal.weights] for proposal in block.draft] if full else [],
        )
        self._sent = [*block.prefix, *drafted]
        waiting = await self._ask(question, drafted)
        try:
            return await waiting.verdict
        except asyncio.CancelledError:
            await self._stop(question.id)
            raise

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        self._ids += 1
        keep = self._keep(prefix)
        question = wire.Stream(self._ids, keep, list(prefix[keep:]), wire.checksum(prefix), max_tokens, _chance(sampling))
        self._sent = list(prefix)
        waiting = await self._ask(question, None, most_tokens=max_tokens)
        self._streaming = question.id
        ended = False
        try:
            while True:
                item = await waiting.tokens.get()
                if isinstance(item, VerifierError):
                    raise item
                if item is None:
                    ended = True
                    return
                yield item
        finally:
            if not ended:
                await self._stop(question.id)

    async def offer(self, place: int, draft: Sequence[int]) -> None:
        """See :class:`~voice.draft.verifier.Offering`."""
        if self._streaming in self._waiting:
            await self._send(wire.Offer(self._streaming, place, list(draft)))

    async def tokenizer(self) -> bytes:
        """See :class:`~voice.draft.verifier.Telling`."""
        url, token = self._address
        async with http.client(url.replace("ws", "http", 1), token, within_s=TOKENIZER_WITHIN_S) as asking:
            return await http.download(asking, "/vocabulary", most_bytes=MAX_BYTES)

    async def aclose(self) -> None:
        """End the session. May be called again."""
        self._break(VerifierError("the connection to the verifier was closed"))
        self._reader.cancel()
        with contextlib.suppress(TimeoutError, WebSocketException, OSError):
            async with asyncio.timeout(1):
                await self._connection.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    # --- questions -----------------------------------------------------------------------------------------------------------

    def _keep(self, prefix: Sequence[int]) -> int:
        """How much of a prefix the other side holds."""
        length = min(len(self._sent), len(prefix))
        if tuple(self._sent[:length]) == tuple(prefix[:length]):
            return length
        return next(i for i in range(length) if self._sent[i] != prefix[i])

    async def _ask(
        self, question: wire.Verify | wire.Stream, drafted: Sequence[int] | None, *, most_tokens: int = 0
    ) -> _Waiting:
        if self._broken is not None:
            raise self._broken
        waiting = self._waiting[question.id] = _Waiting(drafted, most_tokens)
        await self._send(question)
        return waiting

    async def _send(self, question: wire.Question) -> None:
        data = wire.encode(question)
        self.sent_bytes += len(data)
        try:
            await self._connection.send(data)
        except Exception as error:  # the library's own kinds, and the system's
            self._break(VerifierError(f"the connection to the verifier broke: {first_line(error)}"))
            raise self._broken or VerifierError("the connection broke") from error

    async def _stop(self, number: int) -> None:
        """Say that nobody waits. The answer, if it comes, is dropped."""
        if number in self._waiting and self._broken is None:
            self._stopped[number] = asyncio.get_running_loop().time()
            with contextlib.suppress(VerifierError):
                await self._send(wire.Stop(number))

    # --- answers -------------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for data in self._connection:
                self.received_bytes += len(data)
                self._take(wire.answer(data))
            self._break(VerifierError("the verifier closed the connection"))
        except VerifierError as error:
            _log.warning("the verifier cannot be believed and is dropped: %s", error)
            self._break(error)
        except Exception as error:  # whoever waits must hear of it, whatever it is
            self._break(VerifierError(f"the connection to the verifier broke: {first_line(error)}"))

    def _take(self, answer: wire.Answer) -> None:
        if isinstance(answer, wire.VerifierHello):
            raise BadVerdict("the verifier introduces itself again")
        if isinstance(answer, wire.Failed) and answer.id == 0:
            raise VerifierError(f"the verifier does not understand: {answer.message}")
        if answer.id not in self._waiting:
            raise BadVerdict(f"an answer to question {answer.id}, which is not open")
        if answer.id != next(iter(self._waiting)):
            raise BadVerdict(f"an answer to question {answer.id} out of order")
        waiting = self._waiting[answer.id]
        if isinstance(answer, (wire.Judged, wire.Done)) and answer.version != self.identity.version:
            raise BadVerdict("the verifier's model has changed in the middle of the conversation")
        if isinstance(answer, wire.Tokens):
            if waiting.drafted is not None:
                raise BadVerdict("a stream where a verdict was asked for")
            waiting.stream(_chosen(answer.tokens, answer.logprobs, self.identity.vocabulary_size))
            return
        verdict = self._verdict(waiting, answer) if isinstance(answer, wire.Judged) else None
        del self._waiting[answer.id]
        self._stopped.pop(answer.id, None)
        if isinstance(answer, wire.Failed):
            waiting.fail(VerifierError(f"the verifier: {answer.message} ({answer.code})"))
        elif isinstance(answer, wire.Done):
            waiting.tokens.put_nowait(None)
        elif verdict is not None and not waiting.verdict.done():
            waiting.verdict.set_result(verdict)

    def _verdict(self, waiting: _Waiting, answer: wire.Judged) -> DraftVerdict:
        if waiting.drafted is None:
            raise BadVerdict("a verdict where a stream was asked for")
        if answer.stale:
            return DraftVerdict(0, (), stale=True)
        if not 0 <= answer.accepted <= len(waiting.drafted):
            raise BadVerdict(f"the verifier accepts {answer.accepted} tokens of a draft of {len(waiting.drafted)}")
        tokens = [*waiting.drafted[: answer.accepted], *([answer.token] if answer.token != -1 else [])]
        return DraftVerdict(
            answer.accepted, _chosen(tokens, answer.logprobs, self.identity.vocabulary_size), compute_ms=answer.compute_ms
        )

    def _break(self, error: VerifierError) -> None:
        """Fail what waits; the connection is not used again."""
        if self._broken is None:
            self._broken = error
        for waiting in self._waiting.values():
            waiting.fail(error)
        self._waiting.clear()
        self._connection.transport.close()


def _hello(data: bytes | str) -> wire.VerifierHello:
    hello = wire.answer(data)
    if not isinstance(hello, wire.VerifierHello) or hello.protocol != wire.VERSION or hello.vocabulary_size < 1:
        raise VerifierError(f"it does not speak version {wire.VERSION} of the verifier's protocol")
    return hello


def _chance(sampling: Sampling) -> wire.Chance:
    return wire.Chance(sampling.temperature, sampling.top_k, sampling.top_p)


def _chosen(tokens: Sequence[int], logprobs: Sequence[float], vocabulary_size: int) -> tuple[Chosen, ...]:
    if len(tokens) != len(logprobs):
        raise BadVerdict(f"{len(logprobs)} rows for {len(tokens)} tokens")
    if any(not math.isfinite(logprob) for logprob in logprobs):
        raise BadVerdict("the verifier's probabilities are NaN or infinite")
    if not all(0 <= token < vocabulary_size for token in tokens):
        raise BadVerdict("the verifier's tokens are not in its vocabulary")
    return tuple(Chosen(token, logprob) for token, logprob in zip(tokens, logprobs, strict=True))
