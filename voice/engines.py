"""All models of a process, loaded once and shared by its conversations."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from voice.cloud.chat import CloudChat
from voice.core.budget import Forecasts
from voice.core.config import Config
from voice.core.interfaces import Chat, ChatModel, CloudModel, Filler, Recognizer, SpeechDetector, Synthesizer, TurnDetector
from voice.core.openmp import spin_briefly
from voice.route.router import Router
from voice.skills.registry import SkillRegistry
from voice.tts.speakable import speakable

if TYPE_CHECKING:
    from voice.llm.edge import EdgeModel

DRAFTING = 4
"""Conversations of the edge model to draft in, beside those that are held."""


@dataclass(slots=True)
class LateModel:
    """A model that may come later, or never. Set by any thread."""

    model: ChatModel | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """The loaded models. Thread-safe as far as their protocols are.

    Attributes:
        detector: makes the voice activity detector of one stream.
        large: the second speed: a larger model that answers behind the other's opening.
        router: places every turn; ``None`` where that is switched off.
        skills: answer what needs no model; ``None`` where that is switched off.
        cloud: answers the turns that are placed there; ``None`` where there is none.
        fillers: said when a reply would be late.
        waiting: the attempts that wait for a first clause now, by whose chat: what the router calls the edge's queue.
    """

    detector: Callable[[], SpeechDetector]
    recognizer: Recognizer
    turn_detector: TurnDetector
    chat_model: ChatModel
    synthesizer: Synthesizer
    forecasts: Forecasts = field(default_factory=Forecasts)
    large: LateModel = field(default_factory=LateModel)
    router: Router | None = None
    cloud: CloudModel | None = None
    skills: SkillRegistry | None = None
    fillers: tuple[Filler, ...] = ()
    waiting: dict[object, Chat] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def load(cls, config: Config, *, progress: Callable[[str], None] | None = None) -> "Engines":
        """Load and warm up everything, in parallel. Blocks for seconds: call it in a thread.

        Args:
            config: the settings.
            progress: called, from other threads, with the name of each stage that is ready.

        Raises:
            VoiceError: a model is missing, damaged or does not run here. What was loaded is closed again.
        """
        spin_briefly()  # several threads load the libraries that read it
        from voice.asr.whisper import WhisperRecognizer
        from voice.llm.edge import EdgeModel
        from voice.models import locate
        from voice.route.router import locate as locate_router
        from voice.route.router import policy_of
        from voice.tts.piper import PiperSynthesizer
        from voice.turn.smart_turn import SmartTurn
        from voice.vad.silero import SileroModel

        stack = ExitStack()

        def ready(name: str) -> None:
            if progress is not None:
                progress(name)

        def detection() -> SileroModel:
            model = SileroModel(locate("vad-silero-v6"))
            ready("voice activity")
            return model

        def recognition() -> WhisperRecognizer:
            model = stack.enter_context(closing(WhisperRecognizer(config.asr)))
            ready("speech recognition")
            return model

        def turn_detection() -> SmartTurn:
            model = stack.enter_context(closing(SmartTurn(config.turn)))
            ready("end of turn")
            return model

        def language() -> EdgeModel:
            drafting = DRAFTING if config.draft.engine != "off" else 0
            llm = msgspec.structs.replace(config.llm, conversations=min(64, config.llm.conversations + drafting))
            model = stack.enter_context(closing(EdgeModel(llm)))
            ready("language model")
            return model

        def synthesis() -> PiperSynthesizer:
            model = stack.enter_context(closing(PiperSynthesizer(config.tts)))
            ready("speech synthesis")
            return model

        def routing() -> Router | None:
            if not config.route.enabled:
                return None
            model = config.cloud.model if config.cloud.enabled else ""
            router = Router(locate_router(), policy_of(config.route), pair=config.route.pair, cloud_model=model)
            ready("router")
            return router

        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="voice-load") as pool:
            silero = pool.submit(detection)
            whisper = pool.submit(recognition)
            smart = pool.submit(turn_detection)
            chat = pool.submit(language)
            piper = pool.submit(synthesis)
            quick = (whisper, chat, piper)
            large = pool.submit(_larger, config, stack, ready, lambda: any(one.done() and one.result().busy for one in quick))
            route = pool.submit(routing)
            own = pool.submit(_skills, config, stack)
        try:
            return cls(
                detector=silero.result().detector,
                recognizer=whisper.result(),
                turn_detector=smart.result(),
                chat_model=chat.result(),
                large=large.result(),
                synthesizer=piper.result(),
                router=route.result(),
                skills=own.result(),
                fillers=tuple(asyncio.run(_spoken(piper.result(), config.budget.fillers))),
                cloud=_cloud(config, chat.result()),
                _closing=stack,
            )
        except BaseException:
            stack.close()
            raise

    def load_large(self, config: Config) -> None:
        """Load the second speed, whose file has come, and use it from now on. Blocks for seconds; from any thread.

        Raises:
            VoiceError: the file is damaged or does not run here.
        """

        def busy() -> bool:
            return any(getattr(model, "busy", False) for model in (self.recognizer, self.chat_model, self.synthesizer))

        self.large.model = _larger(config, self._closing, lambda _: None, busy).model

    def problems(self) -> list[str]:
        """Why a reply cannot be given now, a sentence for each model that does not serve; empty while all do."""
        models = (self.recognizer, self.turn_detector, self.chat_model, self.synthesizer)
        return [problem for model in models if (problem := getattr(model, "problem", ""))]

    async def aclose(self) -> None:
        """Let go of the network, then :meth:`close` in a thread. May be called again."""
        if self.cloud is not None:
            await self.cloud.aclose()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Free all models and join their threads. May be called again."""
        self._closing.close()


def _larger(config: Config, stack: ExitStack, ready: Callable[[str], None], busy: Callable[[], bool]) -> LateModel:
    """The second speed, or its empty place where the settings name none or its file is not here yet."""
    from voice.core.errors import ModelMissing
    from voice.llm.edge import EdgeModel

    late = LateModel()
    if config.llm.large:
        llm = msgspec.structs.replace(config.llm, model=config.llm.large, conversations=config.llm.large_conversations)
        with suppress(ModelMissing):
            late.model = stack.enter_context(closing(EdgeModel(llm, gives_way=busy)))
            ready("larger language model")
    return late


async def _spoken(synthesizer: Synthesizer, texts: Sequence[str]) -> list[Filler]:
    """The fillers with their audio; what the voice cannot say is left out."""
    said = [(text, [chunk.samples async for chunk in synthesizer.stream(text)]) for text in map(speakable, texts)]
    return [Filler(text, np.concatenate(pieces)) for text, pieces in said if pieces]


def _skills(config: Config, stack: ExitStack) -> SkillRegistry | None:
    """What is answered without a model, if anything is."""
    if not config.skills.enabled:
        return None
    library = SkillRegistry.load(plugins=config.skills.plugins, off=config.skills.off)
    stack.callback(library.close)
    return library


def _cloud(config: Config, edge: "EdgeModel") -> CloudModel | None:
    """Who answers what is placed in the cloud: a verifier that the edge drafts for, an endpoint, or nobody."""
    if config.draft.engine == "off":
        return CloudChat(config.cloud) if config.cloud.enabled else None
    if config.draft.engine == "predicted":
        from voice.draft.predicted import PredictedCloud

        return PredictedCloud(CloudChat(config.cloud), edge, deadline_ms=config.draft.deadline_ms)
    from voice.draft.cloud import DraftedCloud
    from voice.draft.connect import drafted_model, plain

    endpoint = plain(config)
    return DraftedCloud(drafted_model(edge, config.draft), None if endpoint is None else CloudChat(endpoint))
