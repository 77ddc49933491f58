"""Going on from words that were already spoken (pure).

Strategy: what was spoken cannot be unsaid, so the cloud's text must follow it as one sentence. Engines that can be given the
beginning of their answer are given it; the others are asked, and now and then repeat it all the same: what they repeat is
taken off again.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

from voice.core.interfaces import Message

Style = Literal["instruction", "assistant", "mistral", "vllm", "chatml"]
_LEAD = re.compile(r'^(?:\.{2,}|[…"“\s])+')
"""What may stand before the continuation and is not part of it."""
_REQUEST = (
    '\n\n(You have already begun to say your answer aloud: "{prefix}". Write only what comes next, going on in the middle of '
    "that sentence, and do not repeat those words.)"
)


def chat_request(messages: Sequence[Message], prefix: str, style: Style) -> dict[str, Any]:
    """The fields of a chat request that depend on how the model is made to go on from ``prefix``."""
    sent: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in messages]
    if not prefix:
        return {"messages": sent}
    if style in {"instruction", "chatml"}:
        sent[-1] = {**sent[-1], "content": sent[-1]["content"] + _REQUEST.format(prefix=prefix.strip())}
        return {"messages": sent}
    last: dict[str, Any] = {"role": "assistant", "content": prefix}
    if style == "mistral":
        last["prefix"] = True
    found: dict[str, Any] = {"messages": [*sent, last]}
    if style == "vllm":
        found["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
    return found


def chatml_prompt(messages: Sequence[Message], prefix: str) -> str:
    """The conversation as ChatML, open behind ``prefix``. Control markers in what people said are made harmless."""
    parts = [f"<|im_start|>{message.role}\n{_plain(message.text)}<|im_end|>\n" for message in messages]
    return "".join(parts) + "<|im_start|>assistant\n" + _plain(prefix)


def _plain(text: str) -> str:
    return text.replace("<|im_", "< |im_")


class Continuation:
    """The text that follows ``prefix``, from a stream that may repeat it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._repeated = " ".join(prefix.split()).casefold()
        self._held = ""
        self._settled = not prefix

    def feed(self, text: str) -> str:
        """Take more of the stream; give what is certain to be new."""
        if self._settled:
            return text
        self._held += text
        seen = " ".join(_LEAD.sub("", self._held).split()).casefold()
        if seen in {"", ".", ".."} or (self._repeated.startswith(seen) and seen != self._repeated):
            return ""  # it may be going to repeat it
        return self.flush()

    def flush(self) -> str:
        """The stream is over, or what it does is known: give what was held."""
        if self._settled:
            return ""
        self._settled = True
        text = _LEAD.sub("", self._held)
        led = text != self._held
        if text.casefold().startswith(self._repeated):
            text, led = text[len(self._repeated) :], False
        if text[:1].isalnum() and not self._prefix[-1:].isspace():
            return " " + text
        return " " + text.lstrip() if led and text[:1].isalnum() else text
