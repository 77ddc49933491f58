"""Whether two models may draft for one another (pure).

Token numbers travel. Where both mean the same by each of them, end replies with the same ones and are spoken to in the same
template, the edge's tokens are the draft; all of that is hashed on both sides and compared when the connection is opened.
Otherwise the edge's *text* is the draft (:mod:`voice.draft.text`), as far as the verifier's tokenizer can be had here.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from voice.draft.verifier import Identity

Match = Literal["token", "text", "plain"]
"""Draft in tokens, draft in text, or draft nothing."""


def fingerprint(pieces: Iterable[bytes], special: Sequence[int]) -> str:
    """Of a vocabulary: every token's bytes in order, and the numbers of those that end a reply."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(struct.pack("<I", len(piece)))
        digest.update(piece)
    digest.update(struct.pack(f"<{len(special)}i", *special))
    return digest.hexdigest()[:32]


def template_fingerprint(prompts: Iterable[Sequence[int]]) -> str:
    """Of a chat template: what it makes of a few conversations, in tokens."""
    digest = hashlib.sha256()
    for tokens in prompts:
        digest.update(struct.pack(f"<I{len(tokens)}i", len(tokens), *tokens))
    return digest.hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What two models can do together, and why not more."""

    match: Match
    why: str


def compare(edge: Identity, target: Identity, *, trusted: bool = False, tokenizer: bool = False) -> Compatibility:
    """What an edge model and a verifier can do together.

    Args:
        edge: the model that drafts.
        target: the model that verifies.
        trusted: somebody vouches for a verifier that tells nothing of its vocabulary (an HTTP engine): only what it does
            tell is compared.
        tokenizer: whether the verifier's tokenizer can be had here.
    """
    if edge.vocabulary_size and target.vocabulary_size and edge.vocabulary_size != target.vocabulary_size:
        why = f"{target.model} has {target.vocabulary_size} tokens, the edge model {edge.vocabulary_size}"
    elif target.vocabulary and target.vocabulary != edge.vocabulary:
        why = f"{target.model} has another vocabulary than the edge model"
    elif not target.vocabulary and not trusted:
        why = f"{target.model} does not tell its vocabulary"
    elif target.template and target.template != edge.template:
        why = f"{target.model} is spoken to in another chat template than the edge model"
    else:
        return Compatibility("token", "the same vocabulary, special tokens and chat template")
    if tokenizer:
        return Compatibility("text", f"{why}: drafts are matched as text")
    return Compatibility("plain", f"{why}, and its tokenizer is not here: no drafting")
