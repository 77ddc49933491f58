"""Fakes of every stage, for scenarios in virtual time.

Fake speech is a staircase: each word is 300 ms at its own level, so that the fake recogniser can read back what was really
pushed through the ear, pre-roll, cuts and all. A word gets its level when it is first said.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from voice.core.errors import AsrError, ChatError, CloudError
from voice.core.interfaces import (
    SAMPLE_RATE_HZ,
    Chat,
    CloudModel,
    Filler,
    Message,
    Samples,
    SpeechChunk,
    Token,
    Transcript,
    Usage,
)
from voice.core.worker import Priority
from voice.engines import Engines, LateModel
from voice.route.router import Router
from voice.skills.registry import SkillRegistry

VOCABULARY = tuple(
    """
    what is the capital of france and its population set a timer for ten minutes stop wait yes no mm right please tell me more
    about spain turn off lights in kitchen my number five six seven eight nine bells ring hello there
    cancel pasta much time left louder again called one
    """.split()
)
"""Words to draw from; others may be said, too."""
WORD_S = 0.3
LOUD = 0.36
QUIET = 0.1
STEP = 0.0003
MOST_WORDS = 2100
"""So many levels there are between ``LOUD`` and full scale."""
BLOCK_S = 0.01
_WORDS: list[str] = []
"""Every word said so far, in the order of its level."""
_PLACES: dict[str, int] = {}


def _level(word: str) -> float:
    if word not in _PLACES:
        assert len(_WORDS) < MOST_WORDS, "no level is left for another word"
        _PLACES[word] = len(_WORDS)
        _WORDS.append(word)
    return LOUD + STEP * _PLACES[word]


def speech(text: str) -> Samples:
    """Fake speech that says ``text``, any words."""
    length = int(WORD_S * SAMPLE_RATE_HZ)
    return np.repeat(np.asarray([_level(word) for word in text.split()], dtype=np.float32), length)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), dtype=np.float32)


def read_back(audio: Samples) -> str:
    """The words in fake speech: runs of one level, of 60 ms at least; a long run is a word said again and again."""
    block = int(BLOCK_S * SAMPLE_RATE_HZ)
    levels = audio[: audio.size - audio.size % block].reshape(-1, block).mean(axis=1).tolist()
    words: list[str] = []
    run, previous = 0, 0.0
    for level in [*levels, 0.0]:
        if abs(level - previous) < STEP / 4:
            run += 1
            continue
        if previous >= LOUD - STEP / 2 and run >= 6:
            words += [_WORDS[round((previous - LOUD) / STEP)]] * max(1, round(run * BLOCK_S / WORD_S))
        run, previous = 1, level
    return " ".join(words)


class FakeDetector:
    """What is not quiet is speech."""

    def probability(self, window: Samples) -> float:
        return 0.97 if float(np.abs(window).mean()) > QUIET else 0.01

    def reset(self) -> None:
        """There is no state."""


@dataclass
class FakeRecognizer:
    """Reads fake speech back after ``delay_s``."""

    delay_s: float = 0.07
    failing: bool = False
    final_calls: int = 0
    partial_calls: int = 0

    async def transcribe(self, audio: Samples, *, priority: Priority = Priority.FINAL) -> Transcript:
        if priority is Priority.FINAL:
            self.final_calls += 1
        else:
            self.partial_calls += 1
        await asyncio.sleep(self.delay_s)
        if self.failing:
            raise AsrError("the fake recogniser was told to fail")
        text = read_back(audio)
        return Transcript(f"{text[0].upper()}{text[1:]}." if text else "", -0.2, 0.0)


@dataclass
class FakeTurnDetector:
    """Complete unless the words say otherwise."""

    delay_s: float = 0.02
    prosody: Callable[[str], float] = field(default=lambda text: 0.95)

    async def completeness(self, audio: Samples) -> float:
        await asyncio.sleep(self.delay_s)
        return self.prosody(read_back(audio))


@dataclass
class FakeChatModel:
    """Answers with ``answer(messages)``, word by word."""

    answer: Callable[[Sequence[Message]], str] = field(
        default=lambda messages: f"You said {messages[-1].text.rstrip('.').lower()}. That is what I heard, and I am glad."
    )
    first_token_s: float = 0.04
    token_s: float = 0.01
    failing_after: int | None = None
    stalls_after: int | None = None
    logprob: float = -0.5
    goes_on: bool = False
    """Whether ``answer`` is what follows the prefix, not what begins with it."""
    answer_anew: Callable[[Sequence[Message]], str] | None = None
    requests: list[list[Message]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    drawn_anew: int = 0
    prefills: list[list[Message]] = field(default_factory=list)
    open_chats: int = 0
    cancelled: int = 0

    def open(self) -> "FakeChat":
        self.open_chats += 1
        return FakeChat(self)

    def close(self) -> None:
        """There is nothing to free."""


class FakeChat:
    def __init__(self, model: FakeChatModel) -> None:
        self._model = model
        self._closed = False

    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int, prefix: str = "", anew: bool = False
    ) -> AsyncGenerator[Token, None]:
        model = self._model
        model.requests.append(list(messages))
        model.prefixes.append(prefix)
        model.drawn_anew += anew
        finished = False
        begun = len(prefix.split())
        try:
            await asyncio.sleep(model.first_token_s)
            answer = (model.answer_anew if anew and model.answer_anew else model.answer)(messages)
            words = answer.split(" ") if model.goes_on else answer.split(" ")[begun:]
            for count, word in enumerate(words[:max_tokens]):
                if model.stalls_after == count:
                    await asyncio.sleep(3600)
                if model.failing_after == count:
                    raise ChatError("the fake model was told to fail")
                yield Token(word if count == 0 and not begun else f" {word}", model.logprob)
                await asyncio.sleep(model.token_s)
            finished = True
        finally:
            model.cancelled += not finished

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        await asyncio.sleep(0.02)
        return 0.3

    async def prefill(self, messages: Sequence[Message]) -> None:
        self._model.prefills.append(list(messages))
        await asyncio.sleep(0.02)

    def close(self) -> None:
        self._model.open_chats -= not self._closed
        self._closed = True


@dataclass
class FakeCloud:
    """Answers with ``answer``, word by word, behind whatever was already said."""

    answer: str = "and so says the cloud, which knows a great deal more than that, as everybody will see in a moment or two."
    first_token_s: float = 0.23
    token_s: float = 0.03
    slow_requests: int = 0
    stalls_after: int | None = None
    fails_after: int | None = None
    forecast_ms: float | None = 300.0
    round_trip_ms: float | None = 40.0
    why_not: str = ""
    can_verify: bool = False
    warmed: int = 0
    requests: list[tuple[list[Message], str]] = field(default_factory=list)
    asked_at_s: list[float] = field(default_factory=list)
    open_requests: int = 0

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        prefix: str,
        on_usage: Callable[[Usage], None],
        kind: str = "",
    ) -> AsyncGenerator[Token, None]:
        self.requests.append((list(messages), prefix))
        self.asked_at_s.append(asyncio.get_running_loop().time())
        self.open_requests += 1
        try:
            if self.fails_after == 0:
                raise CloudError("the fake cloud is gone", code="cloud_unreachable")
            await asyncio.sleep(30 if len(self.requests) <= self.slow_requests else self.first_token_s)
            words = self.answer.split(" ")
            for count, word in enumerate(words):
                if self.fails_after == count:
                    raise CloudError("the fake cloud broke off", code="cloud_unreachable")
                if self.stalls_after == count:
                    await asyncio.sleep(3600)
                yield Token(f" {word}" if prefix or count else word, 0.0)
                await asyncio.sleep(self.token_s)
            on_usage(Usage(40, len(words), 0))
        finally:
            self.open_requests -= 1

    async def warm(self) -> None:
        self.warmed += 1

    async def aclose(self) -> None:
        """There is nothing to let go of."""


@dataclass
class FakeSynthesizer:
    """Speaks each word as 200 ms of tone, in chunks of 100 ms."""

    sample_rate_hz: int = 16_000
    first_chunk_s: float = 0.05
    chunk_s: float = 0.005
    clauses: list[str] = field(default_factory=list)

    async def stream(self, clause: str) -> AsyncGenerator[SpeechChunk, None]:
        self.clauses.append(clause)
        total = int(0.2 * self.sample_rate_hz) * len(clause.split())
        size = self.sample_rate_hz // 10
        await asyncio.sleep(self.first_chunk_s)
        for _ in range(0, total, size):
            yield SpeechChunk(np.full(size, 0.5, dtype=np.float32), total)
            await asyncio.sleep(self.chunk_s)


@dataclass
class Fakes:
    """One fake of each stage, and the engines made of them."""

    recognizer: FakeRecognizer = field(default_factory=FakeRecognizer)
    turn_detector: FakeTurnDetector = field(default_factory=FakeTurnDetector)
    chat_model: FakeChatModel = field(default_factory=FakeChatModel)
    large: FakeChatModel | None = None
    synthesizer: FakeSynthesizer = field(default_factory=FakeSynthesizer)
    router: Router | None = None
    cloud: FakeCloud | None = None
    skills: SkillRegistry | None = None
    fillers: tuple[Filler, ...] = ()
    waiting: dict[object, Chat] = field(default_factory=dict)

    def engines(self, *, cloud: CloudModel | None = None) -> Engines:
        return Engines(
            FakeDetector,
            self.recognizer,
            self.turn_detector,
            self.chat_model,
            self.synthesizer,
            large=LateModel(self.large),
            router=self.router,
            cloud=cloud or self.cloud,
            skills=self.skills,
            fillers=self.fillers,
            waiting=self.waiting,
        )
