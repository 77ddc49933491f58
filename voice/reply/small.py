"""The small model's reply: first its opening, and what follows it in clauses, if that is wanted."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from voice.core.interfaces import Token
from voice.reply.opening import Given, Opening
from voice.tts.clauses import ClauseSplitter


class SmallReply:
    """One reply of the small model, read by one task. Close it with :meth:`aclose`; an exception of the model's passes.

    Args:
        tokens: of the model.
        idle: set while nothing more urgent needs the processor; the reply pauses while it is not.
        hurry: given the splitter and the text so far, may shorten the first clause.
    """

    def __init__(
        self,
        tokens: AsyncGenerator[Token, None],
        idle: asyncio.Event,
        first_clause_words: int,
        hurry: Callable[[ClauseSplitter, str], None],
    ) -> None:
        self._tokens = tokens
        self._idle = idle
        self._first_clause_words = first_clause_words
        self._hurry = hurry
        self._text = ""
        self._opening: Opening | None = None

    async def opening(self, said: str, earlier: Sequence[str]) -> str:
        """What of it binds nobody; empty where that is nothing. No more is read than it takes to know that. Cancel-safe."""
        opening = self._opening = Opening(Given(said, earlier))
        known = opening.feed(self._text)
        while not known and (token := await anext(self._tokens, None)) is not None:
            self._text += token.text
            known = opening.feed(token.text)
            await self._idle.wait()
        return opening.text

    @property
    def opening_so_far(self) -> str:
        """As much of it as is known and can be spoken; empty where that is nothing yet."""
        return "" if self._opening is None else self._opening.so_far

    async def clauses(self, behind: str = "") -> AsyncGenerator[str, None]:
        """What follows the words ``behind`` which it began with, in clauses."""
        splitter = ClauseSplitter(self._first_clause_words, spoken_words=len(behind.split()))
        for clause in splitter.feed(self._text.lstrip()[len(behind) :]):
            yield clause
        async for token in self._tokens:
            self._text += token.text
            self._hurry(splitter, self._text)
            for clause in splitter.feed(token.text):
                yield clause
            await self._idle.wait()
        for clause in splitter.finish():
            yield clause

    async def aclose(self) -> None:
        """The model stops."""
        async with aclosing(self._tokens):
            pass
