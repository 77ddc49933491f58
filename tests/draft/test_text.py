"""Drafting across vocabularies: the edge's text in the verifier's tokens."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from tests.draft.permuted import permuted
from voice.core.config import DraftConfig, LlmConfig, VerifierConfig
from voice.core.errors import ChatError
from voice.core.interfaces import Message
from voice.draft.acceptance import GREEDY, Proposal, Sampling
from voice.draft.chat import DraftedChat, DraftedModel
from voice.draft.connect import connector
from voice.draft.plan import Controller, Plan
from voice.draft.text import TextDrafter, Tongue, complete
from voice.draft.verifier import Identity
from voice.draft.vocabulary import compare
from voice.llm.edge import EdgeModel
from voice.llm.header import header_of
from voice.llm.vocabulary import Vocabulary
from voice.models import manifest
from voice.models.store import as_shipped
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target

QUESTIONS = ("What is the capital of France?", "Count from one to ten.", "Write two sentences about a dog called Ben.")


# --- pure --------------------------------------------------------------------------------------------------------------------


class Letters:
    """A vocabulary of single bytes, 256 for the end of a message; with ``lead``, one that puts a space before every text."""

    def __init__(self, *, lead: bool = False, known: str = "") -> None:
        self._lead, self._known = lead, known

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        assert not special
        text = f" {text}" if self._lead else text
        return [byte if not self._known or chr(byte) in self._known else 1 for byte in text.encode()]

    def piece(self, token: int) -> bytes:
        return b"" if token == 256 else bytes([token])


class Words:
    """Drafts given pieces, each a token of a vocabulary of its own."""

    token_ms = 10.0

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [*pieces, b""]
        self._at = 0
        self.begun: list[list[int]] = []

    def begin(self, tokens: Sequence[int]) -> None:
        self.begun.append(list(tokens))
        self._at = 0

    async def next(self) -> Proposal | None:
        if self._at == len(self._pieces):
            return None
        self._at += 1
        return Proposal(self._at - 1)

    def stop(self) -> None:
        """There is nothing to stop."""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        assert not special
        return [1000 + byte for byte in text.encode()]

    def piece(self, token: int) -> bytes:
        return bytes([token - 1000]) if token >= 1000 else self._pieces[token]

    @property
    def tongue(self) -> Tongue:
        return Tongue(cast(Any, self), cast(Any, SimpleNamespace()), frozenset({len(self._pieces) - 1}), own=True)


def letters(vocabulary: Letters) -> Tongue:
    return Tongue(cast(Any, vocabulary), cast(Any, SimpleNamespace(closing=256)), frozenset({256}))


async def written(drafter: TextDrafter) -> list[int]:
    found = []
    while (proposal := await drafter.next()) is not None:
        assert not proposal.support  # a first choice: the rule is exact whatever made it
        found.append(proposal.token)
    return found


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("", ""),
        (" of", ""),
        ("The capital of", "The capital"),
        (" of ", " of"),
        ("No.\n\nThe", "No."),
        ("a b c", "a b"),
        ("\n\n", ""),
    ],
)
def test_all_but_the_last_word_is_certain(text: str, sure: str) -> None:
    assert text[: complete(text)] == sure


async def test_words_are_spelled_once_they_are_complete() -> None:
    edge = Words([b" un", b"believ", b"able", b" st", b"ory", b"."])
    drafter = TextDrafter(edge, edge.tongue, letters(Letters()))
    drafter.prompted([7, 8], target_tokens=3)
    drafter.begin([1, 2, 3, *b" An"])
    assert edge.begun == [[7, 8, *(1000 + byte for byte in b" An")]]  # what is approved, in the edge's own tokens
    assert bytes([cast(Proposal, await drafter.next()).token for _ in range(13)]) == b" unbelievable"
    assert edge._at == 4  # the next word has begun, and is not there yet
    assert await written(drafter) == [*b" story.", 256]
    assert drafter.token_ms == pytest.approx(10.0 * 6 / 20)


async def test_a_draft_that_is_begun_anew_forgets_the_rest() -> None:
    edge = Words([b" one", b" two", b" three"])
    drafter = TextDrafter(edge, edge.tongue, letters(Letters()))
    drafter.begin([])
    assert cast(Proposal, await drafter.next()).token == ord(" ")
    drafter.begin([])
    assert await written(drafter) == [*b" one two three", 256]


async def test_scripts_without_spaces_and_letters_in_pieces() -> None:
    text = "日本の首都は東京です。人口は約千四百万人で、世界最大の都市圏です。"
    data = text.encode()
    edge = Words([data[at : at + 2] for at in range(0, len(data), 2)])
    drafter = TextDrafter(edge, edge.tongue, letters(Letters()))
    drafter.begin([])
    assert bytes((await written(drafter))[:-1]) == data


async def test_what_cannot_be_spelled_ends_the_draft() -> None:
    for pieces, known in (([b" one", b" \xff\xff", b" three"], ""), ([b" one", b" two", b" three"], " one")):
        edge = Words(pieces)
        drafter = TextDrafter(edge, edge.tongue, letters(Letters(known=known)))
        drafter.begin([])
        assert bytes(await written(drafter)) == b" one"


async def test_a_tokenizer_that_puts_a_space_first() -> None:
    edge = Words([b" one", b" two"])
    drafter = TextDrafter(edge, edge.tongue, letters(Letters(lead=True)))
    drafter.begin([])
    assert await written(drafter) == [*b" one two", 256]


def test_what_two_models_can_do_together() -> None:
    edge = Identity("edge", vocabulary="a", template="t", vocabulary_size=10)
    for target, token in (
        (Identity("v", vocabulary="a", template="t", vocabulary_size=10), True),
        (Identity("v", vocabulary="b", template="t", vocabulary_size=10), False),
        (Identity("v", vocabulary="a", template="u", vocabulary_size=10), False),
        (Identity("v", vocabulary="a", template="t", vocabulary_size=11), False),
        (Identity("v"), False),
    ):
        assert compare(edge, target, tokenizer=True).match == ("token" if token else "text")
        assert compare(edge, target).match == ("token" if token else "plain")
    assert compare(edge, Identity("v"), trusted=True).match == "token"


def test_headers_that_are_none(tmp_path: Path) -> None:
    for data in (b"", b"GGUF", b"XXXX" + bytes(20), struct.pack("<4sIQQ", b"GGUF", 3, 0, 5), bytes(1000)):
        file = tmp_path / "x.gguf"
        file.write_bytes(data)
        with pytest.raises(ChatError):
            header_of(file)
    with pytest.raises(ChatError):
        header_of(tmp_path / "nothing.gguf")


# --- real models -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Path:
    model = manifest.load().find(LlmConfig().model)
    assert model is not None
    return as_shipped(model)


@pytest.fixture(scope="module")
def edge(shipped: Path) -> Iterator[EdgeModel]:
    found = EdgeModel(LlmConfig(model=str(shipped), conversations=2, context_tokens=512, threads=1))
    yield found
    found.close()


@pytest.fixture(scope="module")
def target(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The same model with all its tokens in other places: another vocabulary, the same answers."""
    file = permuted(shipped, tmp_path_factory.mktemp("model") / "other.gguf")
    found = Target(VerifierConfig(model=str(file), clients=3, context_tokens=512, threads=1))
    file.unlink()
    yield found
    found.close()


@pytest.fixture
async def server(target: Target) -> AsyncIterator[VerifierServer]:
    async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=30.0) as found:
        yield found


class Always(Controller):
    def plan(self, kind: str, *, depth: int) -> Plan:
        return Plan(4, 1, 1.5)


async def opened(edge: EdgeModel, url: str, sampling: Sampling = GREEDY) -> tuple[DraftedModel, DraftedChat, list[str]]:
    config = DraftConfig(engine="voice", url=url, patience_ms=20_000)
    told: list[str] = []
    model = DraftedModel(edge, config, connector(config), sampling=sampling, notify=lambda code, _: told.append(code))
    always = Always()
    model.controller = lambda target: always  # type: ignore[method-assign]
    chat = model.open()
    async with asyncio.timeout(20):
        while chat.verifier_identity() is None and "no_drafting" not in told:
            await asyncio.sleep(0.01)
    return model, chat, told


@pytest.mark.real
async def test_the_answer_is_the_verifiers_own_token_by_token(edge: EdgeModel, target: Target, server: VerifierServer) -> None:
    model, chat, told = await opened(edge, server.url)
    judge = target.open()
    stood: list[float] = []
    try:
        for question in QUESTIONS:
            messages = [Message("user", question)]
            text = "".join([token.text async for token in chat.reply(messages, max_tokens=20)])
            assert chat.trace["matched"] == "text"
            assert chat.trace["mode"] == "drafted"
            assert chat.trace["by_edge"] == 0
            if chat.trace["acceptance"] is not None:  # a verifier that is faster than the draft judges none of it
                stood.append(chat.trace["acceptance"])
            tongue = next(iter(model.tongues._known.values()))
            prompt = tongue.prompts.prompt(messages, skip_turns=0, reply_tokens=20)[0].tokens
            tokens = [chosen.token async for chosen in judge.stream(prompt, max_tokens=20, sampling=GREEDY)]
            assert text.encode() == tongue.text(tokens)
        assert told == ["drafting_by_text"]
        assert stood
        assert sum(stood) / len(stood) > 0.6
    finally:
        judge.close()
        await chat.aclose()
        model.close()


@pytest.mark.real
async def test_a_sampled_target_and_a_beginning(edge: EdgeModel, server: VerifierServer) -> None:
    model, chat, _ = await opened(edge, server.url, Sampling(0.7, 40, 0.95))
    try:
        reply = chat.reply([Message("user", QUESTIONS[0])], max_tokens=12, prefix="The capital of France is")
        assert "Paris" in "".join([token.text async for token in reply])
        assert chat.trace["matched"] == "text"
    finally:
        await chat.aclose()
        model.close()


@pytest.mark.real
async def test_a_tokenizer_that_is_not_the_verifiers_is_not_used(
    edge: EdgeModel, target: Target, server: VerifierServer, shipped: Path
) -> None:
    theirs, target.header = target.header, header_of(shipped)
    try:
        model, chat, told = await opened(edge, server.url)
        assert told == ["no_drafting"]
        assert "Paris" in "".join([token.text async for token in chat.reply([Message("user", QUESTIONS[0])], max_tokens=12)])
        assert chat.trace["mode"] == "edge"
        assert "not the one" in chat.trace["why"]
        await chat.aclose()
        model.close()
    finally:
        target.header = theirs


@pytest.mark.real
def test_a_header_is_a_vocabulary(shipped: Path, edge: EdgeModel, tmp_path: Path) -> None:
    file = tmp_path / "v.gguf"
    file.write_bytes(header_of(shipped))
    vocabulary = Vocabulary(file, text_only=True)
    assert vocabulary.spellings() == edge.runtime.spellings()
    assert vocabulary.tokenize("Hello, world", special=False) == edge.runtime.tokenize("Hello, world", special=False)
    vocabulary.close()
    vocabulary.close()
    with pytest.raises(ChatError, match="closed"):
        vocabulary.tokenize("x", special=False)
