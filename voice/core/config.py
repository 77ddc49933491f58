"""The settings: nested frozen structs, read from TOML, checked when they are made.

Order of precedence: a ``--set section.key=value`` on the command line, then the file given with ``--config``, then the
defaults below. An unknown key, a wrong type or a value out of range names its path and what would be right.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from voice.core.config_conversation import AsrConfig, BudgetConfig, LlmConfig, TtsConfig, TurnConfig, VadConfig
from voice.core.config_services import (
    CloudConfig,
    CostConfig,
    DraftConfig,
    RouteConfig,
    ServerConfig,
    SkillsConfig,
    TraceConfig,
    VerifierConfig,
)
from voice.core.errors import ConfigError
from voice.core.section import Section, require

__all__ = [
    "AsrConfig",
    "BudgetConfig",
    "CloudConfig",
    "Config",
    "CostConfig",
    "DraftConfig",
    "LlmConfig",
    "RouteConfig",
    "Section",
    "ServerConfig",
    "SkillsConfig",
    "TraceConfig",
    "TtsConfig",
    "TurnConfig",
    "VadConfig",
    "VerifierConfig",
    "from_mapping",
    "load",
]


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
            require(
                self.cloud.enabled, "draft.engine = predicted asks the endpoint of [cloud]: set cloud.enabled and cloud.model"
            )
            require(self.cloud.continues != "chatml", "draft.engine = predicted needs a chat endpoint: change cloud.continues")


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
