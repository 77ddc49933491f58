"""What a user hears of one answer: a loudspeaker that plays what comes, and what is said when in it (pure).

Strategy: the player begins with the first piece and plays on as long as it has something; when it runs dry, that is a silence.
A clause is announced right before its audio, so each piece of audio belongs to the clause announced last. Which clauses are the
reply's own, and not a filler, an excuse or a bridge, is told by the turn's record: it holds the answer's own text and no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voice.audio.voiced import first_audible
from voice.bench.answers.news import first_news, normal_words
from voice.client.client import Received, ReceivedAudio
from voice.protocol import messages as m


@dataclass(slots=True)
class HeardClause:
    """One clause, in seconds of the client's clock.

    Attributes:
        begins_s: when its first sample is played, and ``ends_s`` when its last one was.
        audible_s: when its first audible sample is played.
    """

    text: str
    begins_s: float | None = None
    audible_s: float | None = None
    ends_s: float = 0.0


@dataclass(slots=True)
class HeardAnswer:
    """What came for one turn.

    Attributes:
        silence_s: the longest silence inside it.
        reason: why it ended; empty when nobody said so.
        record: the server's.
    """

    clauses: list[HeardClause] = field(default_factory=list)
    silence_s: float = 0.0
    reason: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> list[HeardClause]:
        """The clauses that are the reply's own."""
        return own_clauses(self.clauses, self.record)

    @property
    def first_sound_s(self) -> float | None:
        """When anything is heard first."""
        return next((clause.audible_s for clause in self.clauses if clause.audible_s is not None), None)

    @property
    def own_words_s(self) -> float | None:
        """When the reply's own words are heard first."""
        return next((clause.audible_s for clause in self.own if clause.audible_s is not None), None)

    @property
    def ends_s(self) -> float | None:
        """When the last sample was played."""
        return max((clause.ends_s for clause in self.clauses if clause.begins_s is not None), default=None)

    def first_news_s(self, question: str) -> float | None:
        """When the first word is heard that the question did not hold and that says something."""
        known = normal_words(question)
        for clause in self.own:
            begins_s = clause.audible_s
            if begins_s is not None and (share := first_news(clause.text, known)) is not None:
                return begins_s + share * (clause.ends_s - begins_s)
        return None


class AnswerListener:
    """Takes everything that comes for one question.

    Args:
        rate_hz: of the audio.
        typed: what was typed; ``None`` for a question that was spoken.
    """

    def __init__(self, rate_hz: int, typed: str | None) -> None:
        self.understood = ""
        self._rate_hz = rate_hz
        self._typed = typed
        self._turns: dict[int, HeardAnswer] = {}
        self._speaking: HeardAnswer | None = None
        self._plays_until_s: float | None = None

    @property
    def plays_until_s(self) -> float:
        """When the loudspeaker will have played what came; 0 while nothing did."""
        return self._plays_until_s or 0.0

    @property
    def answer(self) -> HeardAnswer:
        """The last one in which something was said: the question may have been taken for two turns."""
        answers = list(self._turns.values())
        return next((one for one in reversed(answers) if one.clauses), answers[-1] if answers else HeardAnswer())

    def take(self, message: Received) -> None:
        """Note one message."""
        match message:
            case ReceivedAudio(samples, at_s):
                self._play(len(samples), first_audible(samples), at_s)
            case m.SpeechStartedMessage(turn=turn) if self._typed is None:
                self._turns.setdefault(turn, HeardAnswer())
            case m.TranscriptMessage(role="user", final=True, text=text, turn=int(turn)):
                if self._typed is None or text.strip() == self._typed:
                    self._turns.setdefault(turn, HeardAnswer())
                    self.understood = text
            case m.TranscriptMessage(role="agent", text=text, turn=int(turn)):
                if self._speaking is not (answer := self._turns.get(turn)):
                    self._speaking, self._plays_until_s = answer, None
                if answer is not None:
                    answer.clauses.append(HeardClause(text.strip()))
            case m.Clear():
                self._plays_until_s = None
            case m.TurnReopenedMessage(turn=turn) if turn in self._turns:
                self._turns[turn].clauses.clear()
                self._turns[turn].silence_s = 0.0
            case m.ReplyEndedMessage(turn=turn, reason=reason) if turn in self._turns:
                self._turns[turn].reason = reason
            case m.Trace(turn=turn, record=record) if turn in self._turns:
                self._turns[turn].record = record
            case _:
                pass

    def _play(self, count: int, audible: int | None, at_s: float) -> None:
        if self._speaking is None or not self._speaking.clauses:
            return
        clause = self._speaking.clauses[-1]
        if self._plays_until_s is not None:
            self._speaking.silence_s = max(self._speaking.silence_s, at_s - self._plays_until_s)
        begins_s = max(at_s, self._plays_until_s or 0.0)
        self._plays_until_s = clause.ends_s = begins_s + count / self._rate_hz
        if clause.begins_s is None:
            clause.begins_s = begins_s
        if clause.audible_s is None and audible is not None:
            clause.audible_s = begins_s + audible / self._rate_hz


def own_clauses(clauses: Sequence[HeardClause], record: Mapping[str, Any]) -> list[HeardClause]:
    """Those of the clauses that stand in the record's ``reply_text``, in its order.

    They are looked for from the end: a filler ("So,") comes before the words that it could be mistaken for. Without that text
    all count but a first one that the record calls a filler.
    """
    text = record.get("reply_text")
    if not isinstance(text, str):
        return list(clauses[1:] if record.get("filler") else clauses)
    words = normal_words(text)
    end = len(words)
    found: list[HeardClause] = []
    for clause in reversed(clauses):
        spoken = normal_words(clause.text)
        starts = range(end - len(spoken), -1, -1) if spoken else ()
        start = next((start for start in starts if words[start : start + len(spoken)] == spoken), None)
        if start is not None:
            end = start
            found.append(clause)
    return found[::-1]
