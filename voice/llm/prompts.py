"""Conversations to tokens, for one vocabulary: its chat template, a history that fits, a reply that is begun."""

import logging
from collections.abc import Sequence

from voice.core.config import LlmConfig
from voice.core.errors import ChatError
from voice.core.interfaces import Message
from voice.llm.history import first_kept, normalize, turns_of
from voice.llm.template import CHATML, ChatTemplate, Prompt, PromptBuilder
from voice.llm.vocabulary import Vocabulary

log = logging.getLogger(__name__)


class Prompts:
    """What a model is told. Thread-safe.

    Args:
        vocabulary: of the model, with its chat template. ChatML takes the place of one that is missing or not valid.
        config: its context, system prompt and longest reply.

    Attributes:
        markers: the control markers that the template writes.
        closing: the token that it writes behind a message.
    """

    def __init__(self, vocabulary: Vocabulary, config: LlmConfig) -> None:
        self._config = config
        bos = vocabulary.special_text("bos")
        source = vocabulary.metadata("tokenizer.chat_template")
        try:
            template = ChatTemplate(source or CHATML, bos=bos, eos=vocabulary.special_text("eos"))
        except ChatError as error:
            log.warning("%s; ChatML is used instead", error)
            template = ChatTemplate(CHATML)
        self.markers = template.markers

        def tokenize(text: str, special: bool) -> list[int]:
            return vocabulary.tokenize(text, special=special)

        first = tokenize(bos, True)[0] if vocabulary.adds_bos and bos else None
        probe = PromptBuilder(template, tokenize, bos=first)
        self.closing = probe.build(_dialogue(1)).closing
        few, many = (len(probe.build(_dialogue(count)).tokens) for count in (1, 3))
        self._overhead = max(0, (many - few) // 2)
        prompt_tokens = config.context_tokens // 2
        self._builder = PromptBuilder(template, tokenize, bos=first, text_limit=max(8, (prompt_tokens - few) // 2))

    def prompt(self, messages: Sequence[Message], *, skip_turns: int, reply_tokens: int) -> tuple[Prompt, int]:
        """The conversation in tokens, with room for a reply; and how many of its oldest turns were left out.

        Raises:
            ChatError: the template refuses the roles, or there is nothing from the user.
        """
        spoken = normalize(messages, self._config.system_prompt)
        system = spoken[: spoken[0].role == "system"] if spoken else ()
        turns = turns_of(spoken[len(system) :])
        if not turns or turns[-1][-1].role != "user":
            raise ChatError("the conversation must end with something that the user said")
        room = self._config.context_tokens - min(reply_tokens, self._config.context_tokens // 2)
        fixed = len(self._builder.build((*system, turns[-1][-1])).tokens)
        costs = [sum(len(self._builder.text(message.text)) + self._overhead for message in turn) for turn in turns]
        skip = first_kept(costs, room=room - fixed + costs[-1], after=skip_turns)
        while True:
            prompt = self._builder.build((*system, *(message for turn in turns[skip:] for message in turn)))
            if len(prompt.tokens) <= room or skip == len(turns) - 1:
                break
            skip += 1
        for message in (*system, turns[-1][-1]):
            if self._builder.is_cut(message.text):
                log.warning(
                    "a %s message of %d characters is too long; its middle is left out", message.role, len(message.text)
                )
        return prompt, skip

    def samples(self) -> list[list[int]]:
        """What the chat template makes of a few conversations: two models that agree on them are spoken to alike."""
        dialogues = [_dialogue(1), _dialogue(3), _dialogue(1)[1:]]
        return [self._builder.build(dialogue).tokens for dialogue in dialogues]

    def words(self, text: str) -> Sequence[int]:
        """The tokens of the beginning of an answer; the middle of a long one is left out."""
        return self._builder.text(text) if text else ()

    def beginning(self) -> list[int]:
        """What every conversation begins with: all before the first text of the user.

        Raises:
            ChatError: the system prompt is too long.
        """
        message = Message("system", self._config.system_prompt.strip())
        if not message.text:
            return []
        if self._builder.is_cut(message.text):
            raise ChatError(
                f"the system prompt is too long for a context of {self._config.context_tokens} tokens; "
                "shorten llm.system_prompt or raise llm.context_tokens"
            )
        texts = [self._builder.build((message, Message("user", text))) for text in ("x", "y")]
        return texts[0].tokens[: texts[0].user_end - len(self._builder.text("x"))]


def _dialogue(turns: int) -> list[Message]:
    """A conversation of one-letter messages that ends with the user's."""
    return [Message("system", "x"), *(Message("assistant" if i % 2 else "user", "x") for i in range(turns))]
