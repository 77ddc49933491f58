"""Whatever a library raises, its adapter says which stage has failed: the conversation knows no other errors than those."""

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from voice.asr.whisper import WhisperRecognizer, _Whisper
from voice.cloud.chat import CloudChat
from voice.core.config import AsrConfig, CloudConfig
from voice.core.errors import (
    AsrError,
    ChatError,
    CloudError,
    DetectorError,
    DeviceError,
    RouteError,
    SynthesisError,
    TurnDetectorError,
    VerifierError,
    VoiceError,
)
from voice.core.interfaces import WINDOW_SAMPLES, Message, Usage
from voice.core.worker import Worker
from voice.cost.ledger import Entry, Ledger
from voice.draft import http
from voice.draft.acceptance import GREEDY
from voice.draft.remote import RemoteVerifier
from voice.draft.tasks import next_of, verdict_of
from voice.draft.verifier import Block
from voice.llm.edge import EdgeChat
from voice.mic.echo import EchoCanceller
from voice.mic.wake import MicroWakeWord
from voice.route.encoder import Encoder
from voice.skills.registry import SkillRegistry
from voice.skills.skill import skill
from voice.tts.phonemes import Pass
from voice.tts.piper import PiperSynthesizer
from voice.tts.vits import Latent, Vits
from voice.turn.smart_turn import SmartTurn
from voice.vad.silero import SileroDetector

ERRORS = (RuntimeError("[Fail] bad alloc"), ValueError("no such shape"), OSError(12, "no memory"), MemoryError(), KeyError("x"))
SECOND = np.full(16_000, 0.1, np.float32)


def broken(error: Exception) -> Any:
    """Whatever is called on it, however deep, raises."""

    class Broken:
        def __getattr__(self, name: str) -> "Broken":
            return self

        def __call__(self, *_: object, **__: object) -> Any:
            raise error

    return Broken()


def made(kind: Any, **attributes: object) -> Any:
    """An adapter whose constructor, which would load a model, did not run."""
    one = object.__new__(kind)
    for name, value in attributes.items():
        setattr(one, name, value)
    return one


async def whisper(error: Exception) -> None:
    model = made(_Whisper, _model=broken(error), _view=broken(error), _bands=80, _prompt=[], _suppressed=[])
    worker = Worker("asr", fails_with=AsrError)
    try:
        await made(WhisperRecognizer, _config=AsrConfig(), _whisper=model, _worker=worker).transcribe(SECOND)
    finally:
        worker.close()


async def whisper_text(error: Exception) -> None:
    made(_Whisper, _tokenizer=broken(error)).text((1, 2))


async def silero(error: Exception) -> None:
    binding = SimpleNamespace(bind_input=lambda *_: None, bind_output=lambda *_: None)
    session = SimpleNamespace(io_binding=lambda: binding, run_with_iobinding=broken(error))
    SileroDetector(session).probability(np.zeros(WINDOW_SAMPLES, np.float32))


async def silero_stream(error: Exception) -> None:
    SileroDetector(broken(error))


async def smart_turn(error: Exception) -> None:
    worker = Worker("turn", fails_with=TurnDetectorError)
    try:
        await made(SmartTurn, _session=broken(error), _worker=worker).completeness(SECOND)
    finally:
        worker.close()


async def piper(error: Exception, phonemizer: Any = None) -> None:
    worker = Worker("synthesis", fails_with=SynthesisError)
    said = SimpleNamespace(passes=lambda _: [Pass((1,), 1, "")], config=SimpleNamespace(sample_rate=22_050))
    parts = {"phonemizer": phonemizer or said, "vits": broken(error), "manner": None}
    voice = made(PiperSynthesizer, _worker=worker, _remembered=OrderedDict(), _remember=0, _first_frames=16, **parts)
    try:
        async for _ in voice.stream("Sure,"):
            pass
    finally:
        worker.close()


async def phonemizer(error: Exception) -> None:
    await piper(error, broken(error))


async def vits(error: Exception) -> None:
    made(Vits, _encoder=broken(error), _encoder_inputs=set(), _durations="").encode(
        [1], SimpleNamespace(**dict.fromkeys(("noise_scale", "length_scale", "noise_w_scale"), 0.0), speaker=0)
    )


async def vits_decoder(error: Exception) -> None:
    session = SimpleNamespace(get_inputs=list, run=broken(error))
    Latent([(session, 1)], {"z": np.zeros((1, 1, 8))}, {}, 256, None).decode(0, 4)


async def encoder(error: Exception) -> None:
    made(Encoder, _tokenizer=broken(error)).read("what time is it")


async def edge_prompt(error: Exception) -> None:
    chat = made(
        EdgeChat, _model=SimpleNamespace(prompt=broken(error), config=SimpleNamespace(max_reply_tokens=1)), _skipped_turns=0
    )
    await anext(chat.reply([Message("user", "hello")], max_tokens=4))


def cloud_chat() -> CloudChat:
    return CloudChat(CloudConfig(enabled=True, base_url="http://127.0.0.1:1/v1", model="m"))


async def ask(chat: CloudChat) -> None:
    def ignore(_: Usage) -> None:
        pass

    async for _ in chat.reply([Message("user", "hello")], max_tokens=4, prefix="", on_usage=ignore):
        pass


async def cloud(error: Exception) -> None:
    chat = cloud_chat()
    chat._client = broken(error)
    await ask(chat)


async def cloud_stream(error: Exception) -> None:
    async def chunks() -> AsyncGenerator[object, None]:
        if math.pi:
            raise error
        yield error

    async def create(**_: object) -> object:
        return chunks()

    chat = cloud_chat()
    chat._client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))  # type: ignore[assignment]
    await ask(chat)


async def verdict(error: Exception) -> None:
    await verdict_of(broken(error), Block((1, 2)))


async def verifier_stream(error: Exception) -> None:
    async def stream() -> AsyncGenerator[Any, None]:
        if math.pi:
            raise error
        yield

    await next_of(stream())


async def verifier_http(error: Exception) -> None:
    client = http.client("http://127.0.0.1:1", "", within_s=1)
    client.post = broken(error)  # type: ignore[method-assign]
    try:
        await http.post(client, "/generate", {})
    finally:
        await client.aclose()


async def verifier_socket(error: Exception) -> None:
    transport = SimpleNamespace(close=lambda: None)
    connection = SimpleNamespace(send=broken(error), transport=transport)
    remote = made(
        RemoteVerifier,
        _connection=connection,
        _waiting=OrderedDict(),
        _stopped={},
        _broken=None,
        _sent=[],
        _ids=0,
        sent_bytes=0,
    )
    await anext(remote.stream((1, 2), max_tokens=4, sampling=GREEDY))


async def echo(error: Exception) -> None:
    canceller = EchoCanceller()
    canceller._processor = broken(error)
    canceller.clean(SECOND[:160])


async def wake_word(error: Exception) -> None:
    made(MicroWakeWord, _features=broken(error), _rest=np.zeros(0, np.float32)).hears(SECOND)


ADAPTERS: dict[Callable[[Exception], Awaitable[None]], type[VoiceError]] = {
    whisper: AsrError,
    whisper_text: AsrError,
    silero: DetectorError,
    silero_stream: DetectorError,
    smart_turn: TurnDetectorError,
    piper: SynthesisError,
    phonemizer: SynthesisError,
    vits: SynthesisError,
    vits_decoder: SynthesisError,
    encoder: RouteError,
    edge_prompt: ChatError,
    cloud: CloudError,
    cloud_stream: CloudError,
    verdict: VerifierError,
    verifier_stream: VerifierError,
    verifier_http: VerifierError,
    verifier_socket: VerifierError,
    echo: DeviceError,
    wake_word: DeviceError,
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
async def test_whatever_a_library_raises_is_an_error_of_its_stage(
    adapter: Callable[[Exception], Awaitable[None]], error: Exception
) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(ADAPTERS[adapter]) as raised:
            await adapter(error)
    assert raised.value.stage == ADAPTERS[adapter].stage
    assert str(raised.value).strip()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_cloud_that_cannot_be_knocked_at_is_left_alone(error: Exception) -> None:
    chat = cloud_chat()
    chat._link._http = broken(error)
    await chat.warm()
    assert chat.forecast_ms is None
    chat._link._last_s = -math.inf
    with pytest.raises(CloudError, match="cannot be reached"):
        await chat._link.warm()


@pytest.mark.parametrize("error", [*ERRORS, SystemExit(3)], ids=lambda error: type(error).__name__)
def test_a_database_driver_that_fails_loses_a_row_and_not_the_ledger(error: BaseException, tmp_path: Any) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    engine, begin = ledger._engine, ledger._engine.begin

    def fail() -> Any:
        raise error

    engine.begin = fail  # type: ignore[method-assign]
    assert ledger.record(Entry("s", 1, 0.0, "edge")).result(5) is False
    engine.begin = begin  # type: ignore[method-assign]
    assert ledger.record(Entry("s", 2, 0.0, "edge")).result(5) is True
    ledger.close()
    assert ledger.lost == 1


@pytest.mark.parametrize("error", [*ERRORS, SystemExit(3)], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("waits", [False, True])
async def test_a_skill_that_fails_leaves_the_turn_to_the_language_model(error: BaseException, waits: bool) -> None:
    def at_once() -> str:
        raise error

    async def in_a_while() -> str:
        raise error

    failing: Any = in_a_while if waits else at_once
    fortune = skill("tell my fortune")(failing)
    registry = SkillRegistry([("fortune", fortune)])

    def context() -> Any:
        raise NotImplementedError("nobody asked for it")

    try:
        assert await registry.ask("tell my fortune", context) is None
        with pytest.raises(Exception):  # noqa: B017 - whatever it is, it is an Exception: the conversation says that it failed
            await registry.carry_out(failing)
    finally:
        registry.close()
    assert threading.main_thread().is_alive()
