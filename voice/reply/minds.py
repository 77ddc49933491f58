"""The larger models that may answer a turn, the best first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from voice.core.interfaces import Message
from voice.reply.attribution import Attribution
from voice.reply.following import Mind
from voice.reply.plan import AnswerPlan
from voice.reply.request import CloudPass, TokenRequest, ask_cloud, ask_large
from voice.reply.stages import Stages


class Minds:
    """Of one answer, which is counted in ``attribution``."""

    def __init__(self, stages: Stages, messages: Sequence[Message], plan: AnswerPlan, attribution: Attribution) -> None:
        self._stages = stages
        self._messages = messages
        self._plan = plan
        self._attribution = attribution

    def all(self, cloud: CloudPass | None) -> Iterator[Mind]:
        """The cloud, where it may be asked, then the second speed."""
        if cloud is not None:
            yield self.cloud(cloud)
        if (large := self._plan.large) is not None:
            most = self._stages.max_reply_tokens

            def ask(prefix: str, anew: bool) -> TokenRequest:
                return ask_large(large, self._messages, most, prefix, self._stages.clock.now_s(), anew=anew)

            yield Mind("large", leaves=False, max_tokens=most, forecast_ms=lambda: self._stages.forecasts.large_ms, ask=ask)

    def cloud(self, cloud: CloudPass) -> Mind:
        """The cloud: nobody's sampling there is ours, so anew is as before."""

        def ask(prefix: str, anew: bool) -> TokenRequest:  # noqa: ARG001
            self._attribution.requests += 1
            self._attribution.chars_sent += _chars(cloud, prefix)
            return ask_cloud(cloud, prefix, self._stages.clock.now_s(), self._attribution.count)

        expected_ms = cloud.model.forecast_ms or self._plan.patience_ms
        return Mind(
            "cloud",
            leaves=True,
            max_tokens=cloud.max_tokens,
            forecast_ms=lambda: expected_ms,
            ask=ask,
            outgoing=cloud.outgoing,
        )

    def warm(self, reserve: CloudPass, spoken: str) -> TokenRequest:
        """Have a cloud read the conversation so far, and say nothing to it."""
        self._attribution.warmed += 1
        self._attribution.chars_sent += _chars(reserve, spoken)
        only_read = replace(reserve, max_tokens=1)
        return ask_cloud(
            only_read, spoken, self._stages.clock.now_s(), lambda usage: self._attribution.count(replace(usage, draft={}))
        )


def _chars(cloud: CloudPass, prefix: str) -> int:
    return len(prefix) + sum(len(message.text) for message in cloud.outgoing.messages)
