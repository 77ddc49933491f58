"""What a reply is made with: the process's models, this conversation's chat, and what the settings say of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from voice.core.budget import Forecasts, Stage
from voice.core.clock import Clock
from voice.core.interfaces import Chat, CloudModel, Synthesizer
from voice.route.confidence import Calibration
from voice.route.placing import Placing
from voice.route.policy import Policy
from voice.skills.registry import Found


@dataclass(frozen=True, slots=True)
class Stages:
    """See the module.

    Attributes:
        large: gives this conversation's side of the second speed, once that is there; ``None`` while it is not.
        fills: whether somebody else says something where the first sound would be late.
        first_audio_ms: the promise, for what is begun before its deadline is known.
        cloud_price: of a thousand tokens of the cloud's output, in the currency of the settings.
        keeps_cloud_warm: whether the cloud reads along where an answer of the edge's may move there.
        skills: asked first: what they answer needs no model.
        calibration: of the language model's own doubt, where it is known.
        waiting: the attempts that wait for their first clause now, in all conversations of the process, by whose chat.
    """

    chat: Chat
    synthesizer: Synthesizer
    forecasts: Forecasts
    clock: Clock
    first_clause_words: int
    max_reply_tokens: int
    large: Callable[[], Chat | None] = lambda: None
    fills: bool = False
    first_audio_ms: float = 300.0
    placing: Placing | None = None
    policy: Policy = field(default_factory=Policy)
    cloud: CloudModel | None = None
    cloud_tokens: int = 300
    cloud_price: float = 0.0
    keeps_cloud_warm: bool = False
    skills: Callable[[str], Awaitable[Found | None]] | None = None
    calibration: Calibration | None = None
    waiting: dict[object, Chat] = field(default_factory=dict)

    @property
    def queue(self) -> int:
        """How many other conversations wait for the edge model."""
        return sum(chat is not self.chat for chat in self.waiting.values())

    @property
    def edge_clause_ms(self) -> float:
        """When the edge, asked now, is expected to have a first clause: behind those who wait already."""
        return self.forecasts.remaining_ms((Stage.LLM_FIRST_TOKEN, Stage.LLM_CLAUSE)) * (1 + self.queue)
