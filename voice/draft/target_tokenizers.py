"""The tokenizers of verifiers whose tokens are not the edge model's: fetched from them, or named in the settings."""

import asyncio
import tempfile
from pathlib import Path

from voice import models
from voice.core.config import LlmConfig
from voice.core.errors import ChatError, VerifierError
from voice.draft.edge import fingerprints
from voice.draft.text import Tongue
from voice.draft.verifier import Identity, Verifier
from voice.llm.edge import EdgeModel
from voice.llm.prompts import Prompts
from voice.llm.vocabulary import Vocabulary


def own_tongue(edge: EdgeModel) -> Tongue:
    """The edge model's."""
    return Tongue(edge.runtime, edge.prompts, edge.runtime.ending_tokens(), own=True)


class TargetTokenizers:
    """Loads each tokenizer once a process. Belongs to one event loop.

    Args:
        config: of the edge model: a verifier is told no more, and in the same words.
        tokenizer: a model of the store, or a GGUF, for verifiers that do not hand theirs out; empty for none.
    """

    def __init__(self, config: LlmConfig, tokenizer: str = "") -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._known: dict[tuple[str, str], Tongue] = {}
        self._lock = asyncio.Lock()

    async def of(self, verifier: Verifier) -> Tongue | None:
        """A verifier's; ``None`` where it cannot be had.

        Raises:
            VerifierError: it cannot be fetched or read, or is not the one that the verifier has named.
        """
        who, ask = verifier.identity, getattr(verifier, "tokenizer", None)
        if ask is None and not self._tokenizer:
            return None
        key = (who.vocabulary or self._tokenizer, who.template)
        async with self._lock:
            if key not in self._known:
                data = await ask() if ask is not None else b""
                self._known[key] = await asyncio.to_thread(self._load, data, who)
            return self._known[key]

    def close(self) -> None:
        """Free them. May be called again."""
        while self._known:
            self._known.popitem()[1].vocabulary.close()

    def _load(self, data: bytes, who: Identity) -> Tongue:
        try:
            if not data:
                return self._read(Path(models.locate(self._tokenizer)), who)
            with tempfile.TemporaryDirectory(prefix="voice-") as folder:
                file = Path(folder) / "vocabulary.gguf"
                file.write_bytes(data)
                return self._read(file, who)
        except Exception as error:  # a file from elsewhere: whatever is wrong with it
            raise VerifierError(f"the tokenizer of {who.model} cannot be used: {error}") from error

    def _read(self, file: Path, who: Identity) -> Tongue:
        vocabulary = Vocabulary(file, text_only=True)
        try:
            prompts = Prompts(vocabulary, self._config)
            _check(fingerprints(vocabulary, prompts), who)
            return Tongue(vocabulary, prompts, vocabulary.ending_tokens())
        except BaseException:
            vocabulary.close()
            raise


def _check(found: tuple[str, str], who: Identity) -> None:
    """Whether a tokenizer and a template are those that a verifier has named, as far as it has."""
    named = (who.vocabulary, who.template)
    if any(expected and expected != was for expected, was in zip(named, found, strict=True)):
        raise ChatError("it is not the one that the verifier uses")
