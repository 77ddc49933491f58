"""Put checkable questions to one language model, in a process of its own.

``python -m voice.llm.interview MODEL`` prints a JSON object with ``answers``, to :data:`voice.models.questions.QUESTIONS` in
their order, and ``memory_bytes``, the most that the process held. The model is asked as the assistant asks it: with the system
prompt, its own chat template and its own sampling.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Sequence

from voice.core.config import LlmConfig
from voice.core.interfaces import Message
from voice.llm.edge import EdgeChat, EdgeModel
from voice.models.questions import QUESTIONS

REPLY_TOKENS = 40
CONVERSATIONS = 4
"""As many as the larger model holds by default: what they take counts as memory."""


async def interview(config: LlmConfig) -> list[str]:
    """The last answer to each question.

    Raises:
        ChatError: the model does not run here.
    """
    model = await asyncio.to_thread(EdgeModel, config)
    chat = model.open()
    try:
        return [await _answer(chat, question.turns) for question in QUESTIONS]
    finally:
        chat.close()
        await asyncio.to_thread(model.close)


async def _answer(chat: EdgeChat, turns: Sequence[str]) -> str:
    said: list[Message] = []
    for turn in turns:
        said.append(Message("user", turn))
        reply = [token.text async for token in chat.reply(said, max_tokens=REPLY_TOKENS)]
        said.append(Message("assistant", "".join(reply)))
    return said[-1].text


def memory_bytes() -> int:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(name_or_path: str) -> None:
    """The command line of the child."""
    answers = asyncio.run(interview(LlmConfig(model=name_or_path, conversations=CONVERSATIONS)))
    sys.stdout.write(json.dumps({"answers": answers, "memory_bytes": memory_bytes()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
