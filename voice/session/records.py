"""What is kept of a turn that has ended: its place in the history, its cost, its line in the log."""

from collections.abc import Mapping
from typing import Any

from voice.core.clock import Clock
from voice.core.config import Config
from voice.core.trace import Mark, TraceLog, with_texts
from voice.cost.ledger import Entry, Ledger
from voice.cost.prices import Prices
from voice.route.placing import Placing
from voice.session.costs import labelled, labels, spent, turn_cost
from voice.session.events import ReplyEnd
from voice.session.history import History
from voice.session.turn import Turn


class TurnRecorder:
    """Keeps the turns of one conversation.

    Args:
        name: of the conversation.
        wall_offset_s: what to add to monotonic seconds to get Unix seconds.
    """

    def __init__(
        self,
        name: str,
        config: Config,
        clock: Clock,
        wall_offset_s: float,
        placing: Placing | None,
        trace: TraceLog | None,
        ledger: Ledger | None,
    ) -> None:
        self.history = History(config.llm.system_prompt)
        self._name = name
        self._config = config
        self._cost = config.cost
        self._clock = clock
        self._wall_offset_s = wall_offset_s
        self._placing = placing
        self._trace = trace
        self._ledger = ledger

    def label(self, *, user: str, feature: str) -> None:
        """Whom and what the turns from now on are for; empty changes nothing."""
        self._cost = labelled(self._cost, user=user, feature=feature)

    def close(self, turn: Turn, reason: ReplyEnd) -> Mapping[str, Any]:
        """Write a turn down; gives its record."""
        if turn.committed and turn.said:
            entry = self._bill(turn)
            turn.trace.details |= labels(entry) | {"cost": spent(entry, self._cost.currency)}
            if self._ledger is not None:
                self._ledger.record(entry)
            self._remember(turn)
        record = turn.record(reason, turn.heard(self._clock.now_s()))
        if self._trace is not None:
            hide = self._placing.hide if self._placing is not None and self._config.trace.text else None
            self._trace.write(record if hide is None else with_texts(record, hide))
        return record

    def _remember(self, turn: Turn) -> None:
        """Add it to the history. What may go out later is judged now, message by message, not when somebody waits for it."""
        placing, heard = self._placing, turn.answer_heard(self._clock.now_s())
        withheld = placing is not None and placing.withholds(turn.tier)
        self.history.add(turn.said, heard, withheld=withheld)
        if placing is None:
            return
        placing.answered(turn.tier)
        if not withheld:
            for text in filter(None, (turn.said, heard)):
                placing.remember(text)

    def _bill(self, turn: Turn) -> Entry:
        now_s = self._clock.now_s()
        seconds = now_s - turn.trace.marks.get(Mark.SPEECH_START, turn.trace.marks.get(Mark.SPEECH_END, now_s))
        prices = Prices.of(self._config.cloud, self._cost)
        at_s = now_s + self._wall_offset_s
        history = self.history.messages()
        return turn_cost(turn, self._name, history, prices=prices, cost=self._cost, seconds=seconds, at_s=at_s)
