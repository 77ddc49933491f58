"""How the edge model's next token is chosen: what the settings say, else what suits the model, else the defaults. Pure."""

from voice.core.config import LlmConfig
from voice.models.manifest import ChatSettings

DEFAULTS = ChatSettings()


def sampling(config: LlmConfig, catalogue: ChatSettings | None) -> ChatSettings:
    """The values that hold.

    Args:
        config: a value of these settings goes before all others.
        catalogue: of the model; see :func:`voice.models.chat_settings`.
    """
    known = catalogue or DEFAULTS
    return ChatSettings(
        temperature=known.temperature if config.temperature is None else config.temperature,
        top_p=known.top_p if config.top_p is None else config.top_p,
        repeat_penalty=known.repeat_penalty if config.repeat_penalty is None else config.repeat_penalty,
    )
