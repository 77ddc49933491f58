"""Messages to tokens, with the model's own chat template.

Strategy: the template is rendered with a placeholder for each text, once for each sequence of roles, and cut at the
placeholders. What the template itself wrote is tokenised with its control tokens; what people said never is. So nothing that
a user says (or types) can end a message or begin another.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from voice.core.errors import ChatError
from voice.core.interfaces import Message, Role
from voice.llm.history import cut_middle

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")
_CONTROL = re.compile(r"<\|[^<>|]{1,40}\|>|<(?:start|end)_of_turn>|\[/?INST\]")
Pieces = tuple[str | int, ...]


class ChatTemplate:
    """A chat template, compiled.

    Args:
        source: Jinja, as in a GGUF's ``tokenizer.chat_template``.
        bos: the spelling of the beginning-of-sequence token.
        eos: the spelling of the end-of-sequence token.

    Raises:
        ChatError: it is not valid, or cannot render a plain conversation.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        self._variables = {"bos_token": bos, "eos_token": eos, "add_generation_prompt": True, "enable_thinking": False}
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise ChatError(f"the model's chat template is not valid: {error}") from error
        self.pieces = functools.lru_cache(maxsize=256)(self._render)
        self.pieces(("system", "user", "assistant", "user"))
        self.markers = tuple(
            sorted({m for piece in self.pieces(("user",)) if isinstance(piece, str) for m in _CONTROL.findall(piece)})
        )
        """The control markers that the template writes."""

    def _render(self, roles: tuple[Role, ...]) -> Pieces:
        """The template's own text and, in its places, the indices of the messages."""
        whole: list[tuple[Role, str]] = [(role, f"\ue000{i}\ue001") for i, role in enumerate(roles)]
        merged = whole
        if roles[:2] == ("system", "user"):  # for a template that knows no system role
            merged = [("user", f"{whole[0][1]}\n\n{whole[1][1]}"), *whole[2:]]
        problem = "it leaves messages out"
        for variant in (whole, merged):
            try:
                text = self._template.render(messages=[{"role": r, "content": c} for r, c in variant], **self._variables)
            except (jinja2.TemplateError, TypeError, ValueError, KeyError, RecursionError) as error:
                problem = str(error)
                continue
            parts = _PLACEHOLDER.split(text)
            if [int(index) for index in parts[1::2]] == list(range(len(roles))):
                return tuple(piece for i, part in enumerate(parts) if (piece := int(part) if i % 2 else part) != "")
        raise ChatError(f"the model's chat template cannot render {' '.join(roles)}: {problem}")


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation in tokens.

    Attributes:
        tokens: all of it, up to where the assistant's answer begins.
        user_end: how many of them precede the closing of the last message.
    """

    tokens: list[int]
    user_end: int

    @property
    def said(self) -> list[int]:
        """The tokens up to the end of the last message's text."""
        return self.tokens[: self.user_end]

    @property
    def closing(self) -> int:
        """The token that closes the last message."""
        return self.tokens[self.user_end]


class PromptBuilder:
    """Turns conversations into tokens; keeps the tokens of texts that it has seen.

    Args:
        template: of the model.
        tokenize: text and whether control tokens are recognised in it → tokens.
        bos: a token to put first where the template does not write it.
        text_limit: tokens that one message may take; the middle of a longer one is left out.
    """

    def __init__(
        self,
        template: ChatTemplate,
        tokenize: Callable[[str, bool], list[int]],
        *,
        bos: int | None = None,
        text_limit: int = 1 << 30,
    ) -> None:
        self._template = template
        self._bos = bos
        self._text_limit = text_limit
        self._literal = functools.lru_cache(maxsize=256)(lambda text: tuple(tokenize(text, True)))
        self._content = functools.lru_cache(maxsize=512)(lambda text: tuple(tokenize(text, False)))

    def is_cut(self, text: str) -> bool:
        """Whether the middle of a message is left out."""
        return len(text) > self._char_limit or len(self._content(text)) > self._text_limit

    @property
    def _char_limit(self) -> int:
        return 12 * self._text_limit

    def text(self, text: str) -> Sequence[int]:
        """The tokens of what somebody said."""
        if len(text) > self._char_limit:  # bounds the time of tokenising what would be cut anyway
            half = self._char_limit // 2
            text = text[:half] + text[-half:]
        tokens = self._content(text)
        return tokens if len(tokens) <= self._text_limit else cut_middle(tokens, self._text_limit)

    def build(self, messages: Sequence[Message]) -> Prompt:
        """The prompt for ``messages`` (see :func:`~voice.llm.history.normalize`).

        Raises:
            ChatError: the template refuses this sequence of roles.
        """
        pieces = self._template.pieces(tuple(message.role for message in messages))
        tokens: list[int] = []
        user_end = 0
        for piece in pieces:
            if isinstance(piece, int):
                tokens.extend(self.text(messages[piece].text))
                user_end = len(tokens)
            else:
                tokens.extend(self._literal(piece))
        if self._bos is not None and (not tokens or tokens[0] != self._bos):
            tokens.insert(0, self._bos)
            user_end += 1
        return Prompt(tokens, user_end)
