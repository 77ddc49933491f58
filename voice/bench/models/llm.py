"""How fast the edge language model answers: first token, tokens a second alone and in company, and how soon it stops."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from voice.bench.report import summary
from voice.core.config import LlmConfig
from voice.core.interfaces import Message
from voice.llm.edge import EdgeChat, EdgeModel

QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a week?",
    "Can you tell me what a volcano is?",
    "Who wrote the play Romeo and Juliet?",
    "What should I have for breakfast tomorrow?",
    "Why is the sky blue on a clear day?",
)
_STORY = "Tell me a long story about a bear and a fox in the forest."
_LECTURE = "Summarise this for me. " + "The sea is wide and deep and full of fish, and nobody knows all that lives in it. " * 20
_REPLY_TOKENS = 32


def run(config: LlmConfig, *, rounds: int = 3) -> dict[str, Any]:
    """Measure the model of ``config``; times in ms.

    Keys: ``load_ms``; ``ttft_ms`` of a first turn (the system prompt's cache is kept), ``ttft_prefilled_ms`` when the partial
    transcript was computed before, ``end_of_turn_ms`` for the end-of-turn probability after it; ``tokens_per_s`` and
    ``ttft_together_ms`` by number of conversations; ``cancel_in_reply_ms`` and ``cancel_in_prompt_ms`` from closing the reply
    to an idle model.
    """
    began = time.perf_counter()
    model = EdgeModel(config)
    load_ms = (time.perf_counter() - began) * 1e3
    try:
        return {"model": model.path.name, "load_ms": round(load_ms, 1), **asyncio.run(_measure(model, rounds))}
    finally:
        model.close()


async def _measure(model: EdgeModel, rounds: int) -> dict[str, Any]:
    questions = QUESTIONS * rounds
    company = [count for count in (1, 4, 8) if count <= model.free_slots]
    together = {str(count): await _together(model, count) for count in company}
    return {
        "ttft_ms": summary([await _fresh(model, question, _ttft_ms) for question in questions]),
        "ttft_prefilled_ms": summary([await _fresh(model, question, _ttft_prefilled_ms) for question in questions]),
        "end_of_turn_ms": summary([await _fresh(model, question, _end_of_turn_ms) for question in questions]),
        "tokens_per_s": {count: round(rate, 1) for count, (rate, _) in together.items()},
        "ttft_together_ms": {count: summary(firsts) for count, (_, firsts) in together.items()},
        "cancel_in_reply_ms": summary([await _cancel_ms(model, _STORY, 3) for _ in range(4 * rounds)], digits=2),
        "cancel_in_prompt_ms": summary([await _cancel_ms(model, _LECTURE, 0) for _ in range(4 * rounds)], digits=2),
    }


async def _fresh(model: EdgeModel, question: str, measure: Callable[[EdgeChat, str], Awaitable[float]]) -> float:
    chat = model.open()
    try:
        return await measure(chat, question)
    finally:
        chat.close()


async def _ttft_ms(chat: EdgeChat, question: str) -> float:
    first_ms, _, _ = await _reply(chat, question, 1)
    return first_ms


async def _ttft_prefilled_ms(chat: EdgeChat, question: str) -> float:
    await chat.prefill([Message("user", question.rsplit(" ", 1)[0])])
    return await _ttft_ms(chat, question)


async def _end_of_turn_ms(chat: EdgeChat, question: str) -> float:
    await chat.prefill([Message("user", question.rsplit(" ", 1)[0])])
    began = time.perf_counter()
    await chat.end_of_turn_probability([Message("user", question)])
    return (time.perf_counter() - began) * 1e3


async def _together(model: EdgeModel, count: int) -> tuple[float, list[float]]:
    """Tokens a second of ``count`` replies that run at the same time, all told; and each one's time to its first token."""
    chats = [model.open() for _ in range(count)]
    began = time.perf_counter()
    replies = await asyncio.gather(*(_reply(chat, _STORY, _REPLY_TOKENS) for chat in chats))
    for chat in chats:
        chat.close()
    first_ms = [first for first, _, _ in replies]
    generating_s = time.perf_counter() - began - statistics.median(first_ms) / 1e3
    return sum(tokens - 1 for _, _, tokens in replies) / generating_s, first_ms


async def _reply(chat: EdgeChat, question: str, max_tokens: int) -> tuple[float, float, int]:
    """Time to the first token, to the last, and how many there were."""
    began = time.perf_counter()
    times_ms = [(time.perf_counter() - began) * 1e3 async for _ in chat.reply(_conversation(question), max_tokens=max_tokens)]
    return times_ms[0], times_ms[-1], len(times_ms)


async def _cancel_ms(model: EdgeModel, question: str, after_tokens: int) -> float:
    """From dropping a reply, after some tokens of it or in the middle of its prompt, until the model does nothing."""
    chat = model.open()
    seen = asyncio.Event()

    async def read() -> None:
        count = 0
        async for _ in chat.reply(_conversation(question), max_tokens=200):
            count += 1
            if count == after_tokens:
                seen.set()

    task = asyncio.create_task(read())
    if after_tokens:
        await seen.wait()
    await asyncio.sleep(0.02)  # into the middle of a step
    began = time.perf_counter()
    task.cancel()
    await asyncio.wait([task])
    while not model.idle:  # noqa: ASYNC110 (a thread becomes idle; nothing on the loop tells)
        await asyncio.sleep(0)
    elapsed_ms = (time.perf_counter() - began) * 1e3
    chat.close()
    return elapsed_ms


def _conversation(question: str) -> Sequence[Message]:
    return [Message("user", question)]
