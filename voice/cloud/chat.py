"""The cloud language model: :class:`~voice.core.interfaces.CloudModel` on any OpenAI-compatible endpoint.

Strategy: the client is the ``openai`` package, whose wire format is the one that all such endpoints copy; its own retries are
off, since the edge answers sooner than a second try would. What bounds a wait is the next *token*: headers, role chunks and
keep-alives do not prolong it. Whatever goes wrong becomes a :class:`~voice.core.errors.CloudError` that says what and for
how long.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from voice.cloud.breaker import Breaker
from voice.cloud.connection import KEPT_S, CloudConnection
from voice.cloud.continuation import chat_request, chatml_prompt
from voice.core.budget import Quantiles
from voice.core.clock import Clock, MonotonicClock
from voice.core.config import CloudConfig
from voice.core.errors import CloudError
from voice.core.interfaces import Message, Token, Usage
from voice.core.seam import Seam

PRIOR_FIRST_MS = 400.0
PRIOR_TOKEN_MS = 25.0
CLAUSE_TOKENS = 5
MAX_TOKEN_CHARS = 64
"""No token is longer, on average: more is a flood."""
MAX_RETRY_AFTER_S = 600.0


class CloudChat:
    """One endpoint, shared by all conversations. Belongs to the event loop of its first request. Made in half a second.

    Args:
        config: with ``enabled``; the key is read from the environment now.
    """

    def __init__(self, config: CloudConfig, clock: Clock | None = None) -> None:
        self.config = config
        self.breaker = Breaker()
        self._clock = clock or MonotonicClock()
        self._thinking_ms = Quantiles()
        self._token_ms = Quantiles()
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # half a second to import: only who uses a cloud pays it

        http = DefaultAsyncHttpxClient(limits=httpx2.Limits(keepalive_expiry=KEPT_S))
        self._link = CloudConnection(config, http, self._clock)
        key = os.environ.get(config.api_key_env) or "none"
        self._client = AsyncOpenAI(base_url=config.base_url, api_key=key, max_retries=0, timeout=60.0, http_client=http)

    async def warm(self) -> None:
        """See :class:`~voice.core.interfaces.CloudModel`. Who is not there is left alone, as after a request that failed."""
        try:
            if await self._link.warm():
                self.breaker.reached(self._clock.now_s())
        except CloudError:
            if not self.breaker.open:
                self.breaker.failed(self._clock.now_s(), out_of_reach=True)

    @property
    def forecast_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`: the network's round trip, the cloud's thinking, its first clause."""
        if self.why_not or not self.breaker.allows(self._clock.now_s()):
            return None
        first_ms = (self.round_trip_ms or 0.0) + self._thinking_ms.at(0.8, PRIOR_FIRST_MS)
        return first_ms + CLAUSE_TOKENS * self._token_ms.at(0.8, PRIOR_TOKEN_MS)

    @property
    def can_verify(self) -> bool:
        """See :class:`.CloudModel`: an endpoint for chat knows no drafts."""
        return False

    @property
    def round_trip_ms(self) -> float | None:
        """See :class:`~voice.core.interfaces.CloudModel`."""
        return self._link.round_trip_ms

    @property
    def why_not(self) -> str:
        """See :class:`~voice.core.interfaces.CloudModel`: what the settings forbid."""
        return self._link.why_not

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        prefix: str,
        on_usage: Callable[[Usage], None],
        kind: str = "",  # noqa: ARG002 - an endpoint is told nothing of it
        prediction: str = "",
    ) -> AsyncGenerator[Token, None]:
        """See :class:`.CloudModel`. ``prediction`` is what the answer is expected to be behind ``prefix``."""
        began_s = self._clock.now_s()
        self.breaker.began()
        given = 0
        try:
            async with aclosing(self._texts(messages, max_tokens, prefix, on_usage, prediction)) as texts:
                async for text in texts:
                    now_s = self._clock.now_s()
                    if not given:
                        self.breaker.succeeded()
                        self._thinking_ms.add(max(0.0, (now_s - began_s) * 1000 - (self.round_trip_ms or 0.0)))
                        began_s = now_s
                    given += 1
                    yield Token(text, 0.0)
                    if prediction and given >= max_tokens:
                        return  # the service was given no bound
        except CloudError as error:
            now_s = self._clock.now_s()
            out_of_reach = error.error_code == "cloud_unreachable"
            self.breaker.failed(now_s, retry_after_s=error.retry_after_s, lasting=error.lasting, out_of_reach=out_of_reach)
            raise
        finally:
            if given > 1:
                self._token_ms.add((self._clock.now_s() - began_s) * 1000 / (given - 1))
            self.breaker.given_up()

    async def aclose(self) -> None:
        """Close the connections. May be called again."""
        with suppress(Exception):  # whatever the network says to it, this end is closed
            await self._client.close()

    async def _texts(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        prefix: str,
        on_usage: Callable[[Usage], None],
        prediction: str,
    ) -> AsyncGenerator[str, None]:
        """The text that follows ``prefix``, piece by piece; none is empty."""
        asked_to = self.config.continues == "instruction"
        reading = _Reading(self.config, Seam(prefix if asked_to else ""), on_usage, MAX_TOKEN_CHARS * max_tokens)
        stream: Any = None
        try:
            async with _Bound(self.config.first_token_ms, "a first token"):
                with _mapped(self.config):
                    stream = await self._ask(messages, min(max_tokens, self.config.max_tokens), prefix, prediction)
                    chunks = aiter(stream)
                text = await reading.next(chunks)
            while text is not None:
                yield text
                async with _Bound(self.config.next_token_ms, "its next token"):
                    text = await reading.next(chunks)
            if rest := reading.following.flush():
                yield rest
        finally:
            if stream is not None:
                with suppress(Exception):  # it is given up: nothing it could say matters
                    await stream.close()

    async def _ask(self, messages: Sequence[Message], max_tokens: int, prefix: str, prediction: str) -> Any:
        common: dict[str, Any] = {
            "model": self.config.model,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.config.continues == "chatml":
            return await self._client.completions.create(prompt=chatml_prompt(messages, prefix), stop=["<|im_end|>"], **common)
        if prediction:  # which is not taken together with a bound on the answer's length: that is about the prediction's
            del common["max_tokens"]
            common["prediction"] = {"type": "content", "content": prediction}
        return await self._client.chat.completions.create(**common, **chat_request(messages, prefix, self.config.continues))


class _Reading:
    """What is known of one answer while it streams in."""

    def __init__(self, config: CloudConfig, following: Seam, on_usage: Callable[[Usage], None], most_chars: int) -> None:
        self.following = following
        self._config = config
        self._on_usage = on_usage
        self._chars_left = most_chars
        self._finished = False

    async def next(self, chunks: AsyncIterator[Any]) -> str | None:
        """The next piece of text, however many chunks without any come before it; ``None`` at the end.

        Raises:
            CloudError: it broke off, or is not what was asked for.
        """
        with _mapped(self._config):
            async for chunk in chunks:
                if (usage := getattr(chunk, "usage", None)) is not None:
                    self._on_usage(_usage(usage))
                text = self._text(chunk)
                self._chars_left -= len(text)
                if self._chars_left < 0:
                    raise CloudError("the cloud sends more than was asked for", code="cloud_garbled")
                if new := self.following.feed(text):
                    return new
        if not self._finished:
            raise CloudError("the cloud broke off in the middle of its answer", code="cloud_unreachable")
        return None

    def _text(self, chunk: Any) -> str:
        """The text of a chunk of either endpoint; empty when it has none."""
        choices = getattr(chunk, "choices", None) or ()
        if not choices:
            return ""
        self._finished = self._finished or choices[0].finish_reason is not None
        delta = getattr(choices[0], "delta", None)
        text = choices[0].text if delta is None else delta.content
        if text is not None and not isinstance(text, str):
            raise CloudError("the cloud sent text that is none", code="cloud_garbled")
        return text or ""


class _Bound:
    """A timeout that says what was waited for."""

    def __init__(self, ms: int, what: str) -> None:
        self._timeout = asyncio.timeout(ms / 1000)
        self._message = f"the cloud did not give {what} within {ms} ms"

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._timeout.__aexit__(*raised)
        except TimeoutError as error:
            raise CloudError(self._message, code="cloud_slow") from error


class _mapped:  # noqa: N801 - used as a context manager
    """The client's exceptions as ours."""

    def __init__(self, config: CloudConfig) -> None:
        self._config = config

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, CloudError):
            return
        raise cloud_error(error, self._config) from error


def cloud_error(error: Exception, config: CloudConfig) -> CloudError:
    """What the client raised, in words that name the cause and the cure."""
    import openai

    where = config.base_url
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if status in {401, 403}:
            return CloudError(f"{where} refuses the key in {config.api_key_env} ({status})", code="cloud_refused", lasting=True)
        if status == 404:
            return CloudError(
                f"{where} knows no model {config.model!r}, or no such address (404): see `voice doctor`",
                code="cloud_unknown",
                lasting=True,
            )
        if status == 429:
            after_s = _retry_after_s(error.response.headers.get("retry-after"))
            return CloudError(f"{where} takes no more requests now (429)", code="cloud_limited", retry_after_s=after_s)
        return CloudError(f"{where} failed ({status})", code="cloud_failed", lasting=400 <= status < 500)
    if isinstance(error, openai.APIConnectionError):
        return CloudError(f"{where} cannot be reached: {error.__cause__ or error}", code="cloud_unreachable")
    if isinstance(error, (openai.APIError, json.JSONDecodeError, UnicodeDecodeError, ValueError, TypeError, AttributeError)):
        return CloudError(f"{where} sent what is no answer: {error}", code="cloud_garbled")
    return CloudError(f"the connection to {where} broke: {error or type(error).__name__}", code="cloud_unreachable")


def _retry_after_s(header: str | None) -> float:
    try:
        return min(max(float(header or 0), 0.0), MAX_RETRY_AFTER_S)
    except ValueError:  # a date
        return 5.0


def _usage(usage: Any) -> Usage:
    """What was counted; tokens of a prediction that were rejected are billed as output, whether the figure has them or not."""
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None) or 0
    details = getattr(usage, "completion_tokens_details", None)
    accepted = int(getattr(details, "accepted_prediction_tokens", None) or 0)
    rejected = int(getattr(details, "rejected_prediction_tokens", None) or 0)
    written = max(int(usage.completion_tokens or 0), accepted + rejected)
    predicted = {"accepted": accepted, "rejected": rejected} if accepted or rejected else {}
    return Usage(int(usage.prompt_tokens or 0), written, int(cached), draft=predicted)
