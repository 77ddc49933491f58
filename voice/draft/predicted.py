"""OpenAI's predicted outputs: the edge's whole draft goes along with the question, as text.

A black box: no probabilities and no token numbers come back, the service verifies by itself what it likes, and **bills the
draft tokens that it rejects as output**. So nothing is promised here but the service's own text; the account says what it
cost.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from voice.draft import http
from voice.errors import BadVerdict, VerifierError
from voice.stages import Message, Token, Usage


@dataclass(slots=True)
class PredictedUsage:
    """What the service has counted. ``rejected`` tokens are billed as output though nobody hears them."""

    input: int = 0
    output: int = 0
    accepted: int = 0
    rejected: int = 0

    @property
    def billed_output(self) -> int:
        """Output tokens on the bill. The service's own figure includes the rejected ones."""
        return max(self.output, self.accepted + self.rejected)

    def usage(self) -> Usage:
        """The same as any cloud's, for the price table."""
        return Usage(tokens_in=self.input, tokens_out=self.billed_output, tokens_drafted=self.accepted + self.rejected)


class PredictedOutputs:
    """One endpoint. Its methods belong to one event loop."""

    def __init__(self, url: str, *, model: str, key: str = "", within_s: float = 3.0) -> None:
        self._http = http.client(url, key, within_s=within_s)
        self._model = model
        self.usage = PredictedUsage()
        """Of the last reply; zeros until it has ended."""

    async def reply(self, messages: Sequence[Message], *, max_tokens: int, draft: str = "") -> AsyncGenerator[Token, None]:
        """The answer, streamed; without a draft it is plain streaming.

        Raises:
            VerifierError: it failed.
        """
        self.usage = PredictedUsage()
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.text} for message in messages],
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        # max_completion_tokens is not taken together with a prediction, so the reply is cut here.
        body |= {"prediction": {"type": "content", "content": draft}} if draft else {"max_completion_tokens": max_tokens}
        count = 0
        async for event in http.events(self._http, "/v1/chat/completions", body):
            try:
                self._account(event.get("usage"))
                pieces = [choice.get("delta", {}).get("content") for choice in event.get("choices", ())]
            except (AttributeError, TypeError, ValueError) as error:
                raise BadVerdict("the service's stream is not one of chat completions") from error
            for piece in pieces:
                if isinstance(piece, str) and piece and count < max_tokens:
                    count += 1
                    yield Token(piece, -1.0)
            if count >= max_tokens:
                return
        if not count:
            raise VerifierError("the service answered nothing")

    async def aclose(self) -> None:
        """Close the connections. May be called again."""
        await self._http.aclose()

    def _account(self, usage: Any) -> None:
        if not usage:
            return
        details = usage.get("completion_tokens_details") or {}
        self.usage = PredictedUsage(
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or 0),
            int(details.get("accepted_prediction_tokens") or 0),
            int(details.get("rejected_prediction_tokens") or 0),
        )
