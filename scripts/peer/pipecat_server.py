"""Pipecat behind the plain PCM protocol: Silero, Smart Turn, Whisper, an OpenAI-compatible model and Piper, all local.

It runs in an environment of its own (``.venv-peer``) and knows nothing of voice. Everything is Pipecat's: the WebSocket
server transport, VAD, turn strategies, aggregators, interruptions, services. Ours are the few lines below:

- :class:`RawPcm`, a serializer, so that the measuring client is the same for every system: PCM16 both ways, and
  ``{"type": "clear"}`` where Pipecat interrupts its output;
- :func:`load_models_once`: every client gets a fresh pipeline, as in Pipecat's examples, but the weights stay loaded and warm.

It prints ``ready`` on standard output whenever it waits for a client.
"""

import argparse
import asyncio
import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from loguru import logger
from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.services.whisper import stt as whisper_stt
from pipecat.transports.websocket.server import SingleClientWebsocketServerParams, SingleClientWebsocketServerTransport
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 16_000


@dataclass(frozen=True)
class Setup:
    """What is not left at Pipecat's default; an empty one leaves everything there."""

    vad: VADParams | None = None
    smart_turn: SmartTurnParams | None = None
    smart_turn_threads: int = 1
    output_10ms_chunks: int | None = None


SETUPS = {
    "default": Setup(),
    "tuned": Setup(
        vad=VADParams(stop_secs=0.1),  # default 0.2
        smart_turn=SmartTurnParams(stop_secs=1.0),  # when Smart Turn says "not yet": default 3
        smart_turn_threads=2,  # default 1
        output_10ms_chunks=2,  # default 4
    ),
}


class RawPcm(FrameSerializer):
    """PCM16 mono at 16 kHz as binary messages, JSON as text."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """What the client gets for a frame."""
        match frame:
            case OutputAudioRawFrame():
                return frame.audio
            case InterruptionFrame():
                return '{"type":"clear"}'
            case OutputTransportMessageFrame() | OutputTransportMessageUrgentFrame() if not self.should_ignore_frame(frame):
                return json.dumps(frame.message)
            case _:
                return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """A frame of the client's audio."""
        return InputAudioRawFrame(audio=data, sample_rate=RATE_HZ, num_channels=1) if isinstance(data, bytes) else None


def load_models_once() -> None:
    """Keep each model's weights in memory across clients. The loaded objects hold no state of a conversation."""
    whisper_stt.WhisperModel = functools.cache(whisper_stt.WhisperModel)  # type: ignore[misc]
    original, loaded = onnxruntime.InferenceSession, {}

    def session(path: str | Path, **options: object) -> onnxruntime.InferenceSession:
        if str(path) not in loaded:
            loaded[str(path)] = original(path, **options)
        return loaded[str(path)]

    onnxruntime.InferenceSession = session  # type: ignore[misc, assignment]


def transport_params(setup: Setup) -> SingleClientWebsocketServerParams:
    """Audio both ways."""
    params = SingleClientWebsocketServerParams(serializer=RawPcm(), audio_in_enabled=True, audio_out_enabled=True)
    if setup.output_10ms_chunks is not None:
        params.audio_out_10ms_chunks = setup.output_10ms_chunks
    return params


def user_params(setup: Setup) -> LLMUserAggregatorParams:
    """When the user speaks, and when the user has finished."""
    strategies = None
    if setup.smart_turn is not None:
        analyzer = LocalSmartTurnAnalyzerV3(params=setup.smart_turn, cpu_count=setup.smart_turn_threads)
        strategies = UserTurnStrategies(stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=analyzer)])
    return LLMUserAggregatorParams(user_turn_strategies=strategies, vad_analyzer=SileroVADAnalyzer(params=setup.vad))


def speech_services(options: argparse.Namespace) -> tuple[whisper_stt.WhisperSTTService, OpenAILLMService, PiperTTSService]:
    """Pipecat's own services, pointed to local files and the local model server."""
    recogniser = whisper_stt.WhisperSTTService(
        device="cpu", compute_type="int8", settings=whisper_stt.WhisperSTTService.Settings(model=str(options.whisper))
    )
    model = OpenAILLMService(
        api_key="none",
        base_url=options.llm,
        settings=OpenAILLMService.Settings(
            model="local", system_instruction=options.prompt, temperature=options.temperature, max_tokens=options.max_tokens
        ),
    )
    voice = PiperTTSService(
        download_dir=options.voice.parent, settings=PiperTTSService.Settings(voice=options.voice.name.removesuffix(".onnx"))
    )
    return recogniser, model, voice


async def serve_one(options: argparse.Namespace, setup: Setup) -> None:
    """A pipeline for one client, from its connection to its end."""
    transport = SingleClientWebsocketServerTransport(transport_params(setup), host="127.0.0.1", port=options.port)
    recogniser, model, voice = speech_services(options)
    user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=user_params(setup))
    worker = PipelineWorker(
        Pipeline([transport.input(), recogniser, user, model, voice, transport.output(), assistant]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)

    @transport.event_handler("on_websocket_ready")
    async def ready(_transport: object) -> None:
        print("ready", flush=True)

    @transport.event_handler("on_client_disconnected")
    async def disconnected(_transport: object, _client: object) -> None:
        await runner.cancel()

    @user.event_handler("on_user_turn_message_added")
    async def heard(_aggregator: object, message: object) -> None:
        said = {"type": "transcript", "role": "user", "text": message.content, "final": True}  # type: ignore[attr-defined]
        await worker.queue_frame(OutputTransportMessageUrgentFrame(message=said))

    await runner.add_workers(worker)
    await runner.run()


async def serve(options: argparse.Namespace) -> None:
    """Serve one client after the other until the process is ended."""
    while True:
        await serve_one(options, SETUPS[options.setup])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--setup", choices=SETUPS, default="default")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--whisper", type=Path, required=True, help="a folder with a CTranslate2 Whisper model")
    parser.add_argument("--voice", type=Path, required=True, help="a Piper voice, .onnx")
    parser.add_argument("--llm", required=True, help="the address of an OpenAI-compatible server, up to /v1")
    parser.add_argument("--prompt", required=True, help="the system prompt")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--max-tokens", type=int, default=120)
    parser.add_argument("--log-level", default="WARNING")
    options = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level=options.log_level)
    load_models_once()
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
