"""Asking for what follows words that were already spoken (pure).

Strategy: what was spoken cannot be unsaid, so the cloud's text must follow it as one sentence. Engines that can be given the
beginning of their answer are given it; the others are asked, and now and then repeat it all the same: :mod:`voice.core.seam`
takes that off again.
"""

from collections.abc import Sequence
from typing import Any, Literal

from voice.core.interfaces import Message

Style = Literal["instruction", "assistant", "mistral", "vllm", "chatml"]
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
