"""From the settings to a verifier, and to conversations that draft for it."""

import os

import msgspec

from voice.core.config import CloudConfig, Config, DraftConfig
from voice.core.errors import ConfigError
from voice.draft.acceptance import GREEDY, Sampling
from voice.draft.chat import Connect, DraftedModel, Notify
from voice.draft.health import Health, default_path
from voice.draft.remote import RemoteVerifier
from voice.draft.sglang import SglangVerifier
from voice.draft.verifier import Verifier
from voice.draft.vllm import VllmVerifier
from voice.llm.edge import EdgeModel


def connector(config: DraftConfig) -> Connect:
    """Opens a session of the configured verifier, one for each conversation.

    Raises:
        ConfigError: the address is of another kind than the engine's.
    """
    key = os.environ.get(config.token_env, "") if config.token_env else ""
    schemes = ("ws://", "wss://") if config.engine == "voice" else ("http://", "https://")
    if not config.url.startswith(schemes):
        raise ConfigError(f"draft.url is {config.url!r}; for draft.engine = {config.engine!r} it begins with {schemes[0]}")

    within_s = max(3.0, config.patience_ms / 1e3)

    async def connect() -> Verifier:
        if config.engine == "sglang":
            return await SglangVerifier.connect(config.url, key=key, within_s=within_s)
        if config.engine == "vllm":
            return await VllmVerifier.connect(config.url, model=config.model, key=key, within_s=within_s)
        return await RemoteVerifier.connect(config.url, token=key)

    return connect


def plain(config: Config) -> CloudConfig | None:
    """The endpoint that answers where nothing can be drafted: the cloud of the settings, or an inference server's own."""
    draft = config.draft
    if config.cloud.enabled:
        return config.cloud
    if draft.engine == "voice" or not draft.model:
        return None
    return msgspec.structs.replace(
        config.cloud, enabled=True, base_url=f"{draft.url.rstrip('/')}/v1", model=draft.model, api_key_env=draft.token_env
    )


def drafted_model(
    edge: EdgeModel, config: DraftConfig, *, sampling: Sampling = GREEDY, notify: Notify | None = None
) -> DraftedModel:
    """The model whose conversations draft for the configured verifier.

    Blocks for a tenth of a second: call it in a thread.

    Raises:
        ConfigError: drafting is off, or its address is wrong.
    """
    if config.engine in {"off", "predicted"}:
        raise ConfigError(f"draft.engine is {config.engine}; a verifier is voice, sglang or vllm")
    return DraftedModel(edge, config, connector(config), health=Health(default_path()), sampling=sampling, notify=notify)
