"""Drafting across vocabularies: the edge's words, spelled in the verifier's tokens.

Strategy (string-level exact match of Timor et al. 2025, "Accelerating LLM Inference with Lossless Speculative Decoding
Algorithms for Heterogeneous Vocabularies", arXiv 2502.05202): the verifier's tokenizer is here, so the prompt is the verifier's
own, and what it says is its own tokens. The edge reads the same conversation in its own template, and behind it the text that
was approved; the text that it drafts is spelled in the verifier's tokens, which are proposals like any other. A proposal is
kept with the probability that the target gives it, whatever made it, so that the answer is the target's exactly; a spelling
that the target would not have chosen costs a rejection and no more.

A word is spelled when it is complete: its last token may be another one with more letters behind it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from voice.draft.acceptance import Proposal
from voice.draft.reply_options import Drafter
from voice.llm.prompts import Prompts
from voice.llm.vocabulary import Vocabulary

LONG_CHARS = 32
"""So much text without a space is not one word: some scripts have none."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """How a model is spoken to, and understood.

    Attributes:
        vocabulary: its tokens.
        prompts: conversations in its tokens.
        ends: the tokens that end a reply.
        own: whether the edge model's tokens are the same.
    """

    vocabulary: Vocabulary
    prompts: Prompts
    ends: frozenset[int]
    own: bool = False

    def spelled(self, text: str) -> list[int] | None:
        """The tokens of a text in the middle of others; ``None`` where they would not give it back."""
        # Some tokenizers put a space before every text: it stands for the one that is there.
        for variant in (text, text.removeprefix(" ")):
            tokens = self.vocabulary.tokenize(variant, special=False)
            if self.text(tokens) == text.encode():
                return tokens
        return None

    def text(self, tokens: Sequence[int]) -> bytes:
        """What tokens stand for."""
        return b"".join(self.vocabulary.piece(token) for token in tokens)


def complete(text: str) -> int:
    """How many characters, from the front, are not tokenised otherwise when more follow: those before the last word."""
    spaces = [at for at in range(1, len(text)) if text[at].isspace() and not text[at - 1].isspace()]
    return spaces[-1] if spaces else 0


class TextDrafter:
    """:class:`~voice.draft.reply_options.Drafter` in the verifier's tokens, on a greedy one in the edge model's.

    Args:
        edge: drafts.
        own: the edge model's tongue.
        target: the verifier's.
    """

    def __init__(self, edge: Drafter, own: Tongue, target: Tongue) -> None:
        self._edge = edge
        self._own = own
        self.target = target
        self._prompt: list[int] = []
        self._said_from = 0
        self._rest = b""
        self._ready: deque[int] = deque()
        self._over = True
        self._read = self._spelled = 0

    def prompted(self, prompt: Sequence[int], target_tokens: int) -> None:
        """Draft for another conversation from now on.

        Args:
            prompt: in the edge model's tokens, up to where the verifier's reply begins.
            target_tokens: how long the verifier's own prompt is.
        """
        self._prompt = list(prompt)
        self._said_from = target_tokens

    def begin(self, tokens: Sequence[int]) -> None:
        """See :class:`~voice.draft.reply_options.Drafter`. What is approved is read again in the edge model's own tokens."""
        self._rest, self._over = b"", False
        self._ready.clear()
        said = self.target.text(tokens[self._said_from :]).decode("utf-8", "ignore")
        spelled = self._own.spelled(said) or self._own.vocabulary.tokenize(said, special=False)
        self._edge.begin([*self._prompt, *spelled])

    async def next(self) -> Proposal | None:
        """See :class:`~voice.draft.reply_options.Drafter`."""
        while not self._ready and not self._over:
            proposal = await self._edge.next()
            if proposal is None or proposal.token in self._own.ends:
                self._over = True
                self._spell(everything=True)
                if proposal is not None and not self._rest and (end := self._end) is not None:
                    self._ready.append(end)
            else:
                self._read += 1
                self._rest += self._own.vocabulary.piece(proposal.token)
                self._spell(everything=False)
        return Proposal(self._ready.popleft()) if self._ready else None

    @property
    def token_ms(self) -> float:
        """See :class:`~voice.draft.reply_options.Drafter`: of one of the verifier's tokens."""
        return self._edge.token_ms * (self._read / self._spelled if self._spelled else 1.0)

    def stop(self) -> None:
        """See :class:`~voice.draft.reply_options.Drafter`."""
        self._edge.stop()

    @property
    def _end(self) -> int | None:
        """The token that closes a message in the verifier's template."""
        closing = self.target.prompts.closing
        return closing if closing in self.target.ends else None

    def _spell(self, *, everything: bool) -> None:
        """Make tokens of what is certain of the rest."""
        text = self._rest.decode("utf-8", "ignore")
        if not self._rest.startswith(text.encode()):
            self._over, self._rest = True, b""  # not text
            return
        count = len(text) if everything else complete(text)
        long = not count and len(text) >= LONG_CHARS
        if not count and not long:
            return
        tokens = self.target.spelled(text if long else text[:count])
        if tokens is None:  # it has no tokens for that: the verifier says it, or something else, alone
            self._over, self._rest = True, b""
            return
        if long:
            tokens = tokens[:-1]
            while tokens and not _is_text(self.target.text(tokens)):  # some characters are several tokens
                tokens.pop()
        self._ready += tokens
        self._spelled += len(tokens)
        self._rest = self._rest[len(self.target.text(tokens)) :]


def _is_text(data: bytes) -> bool:
    """Whether nothing in it is cut in two."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
