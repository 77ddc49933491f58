"""What the replies of a conversation are made with, from the process's models and the settings."""

from voice.core.clock import Clock
from voice.core.config import Config
from voice.engines import Engines
from voice.reply.stages import Stages
from voice.route.placing import Placing
from voice.route.policy import Policy
from voice.session.chats import Chats
from voice.skills.session import SkillSession


def stages_of(
    engines: Engines, config: Config, clock: Clock, chats: Chats, placing: Placing | None, skills: SkillSession | None
) -> Stages:
    """The stages of one conversation."""
    return Stages(
        chat=chats.small,
        large=chats.large,
        synthesizer=engines.synthesizer,
        forecasts=engines.forecasts,
        clock=clock,
        first_clause_words=config.tts.first_clause_words,
        max_reply_tokens=config.llm.max_reply_tokens,
        fills=bool(engines.fillers),
        first_audio_ms=config.budget.first_audio_ms,
        placing=placing,
        policy=Policy() if engines.router is None else engines.router.policy,
        skills=None if skills is None else skills.ask,
        cloud=engines.cloud,
        cloud_tokens=config.cloud.max_tokens,
        cloud_price=config.cloud.price_out / 1000,
        keeps_cloud_warm=config.cloud.warm == "prefix",
        calibration=None if engines.router is None else engines.router.calibration(config.llm.model),
        waiting=engines.waiting,
    )
