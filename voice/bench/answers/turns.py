"""One turn's figures: when what was heard, by whom, and for how much (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voice.bench.answers.heard import HeardAnswer
from voice.bench.answers.news import normal_words

TIERS = ("small", "large", "cloud", "skill")
"""Who can answer: the device's two models, the cloud, and no model at all."""


@dataclass(slots=True, kw_only=True)
class AnsweredTurn:
    """What one turn brought. Times run from the end of the user's speech, or from the sending of what was typed.

    Attributes:
        conversation: its place among those that were asked, from 0, and ``turn`` the turn's in it.
        repeat: the round, from 0, and ``attempt`` how often the conversation was tried in it before.
        understood: what the recogniser made of it.
        reply: all that was heard; ``own`` of it without fillers, excuses and bridges.
        tier: the largest that had a part in it; ``None`` when nobody answered.
        words: how many words each of :data:`TIERS` said.
        fallback: why the edge stepped in, where it did.
        cost: of the device (``edge``) and of the cloud, in whole units of the currency.
        repeats: whether an earlier reply of the conversation had the same words.
        right: of a last turn alone.
        unpaced: how many requests of it the stand-in for the cloud had to compute on this machine meanwhile.
        error: why the conversation ended here, where it broke off.
    """

    conversation: int
    kind: str
    repeat: int
    attempt: int = 0
    turn: int
    said: str
    understood: str = ""
    reply: str = ""
    own: str = ""
    tier: str | None = None
    words: Mapping[str, int] = field(default_factory=dict)
    fallback: str | None = None
    first_sound_ms: float | None = None
    own_words_ms: float | None = None
    first_news_ms: float | None = None
    answer_complete_ms: float | None = None
    longest_silence_ms: float | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    no_answer: bool = True
    repeats: bool = False
    right: bool | None = None
    unpaced: int = 0
    error: str | None = None

    def heard(self, answer: HeardAnswer, asked_s: float) -> None:
        """Fill in what was heard of the answer to a question that ended at ``asked_s``."""

        def ms(at_s: float | None) -> float | None:
            return None if at_s is None else round((at_s - asked_s) * 1000, 1)

        record, own = answer.record, answer.own
        self.reply = " ".join(clause.text for clause in answer.clauses)
        self.own = " ".join(clause.text for clause in own)
        self.first_sound_ms, self.own_words_ms = ms(answer.first_sound_s), ms(answer.own_words_s)
        self.first_news_ms, self.answer_complete_ms = ms(answer.first_news_s(self.said)), ms(answer.ends_s)
        self.longest_silence_ms = None if self.first_sound_ms is None else round(answer.silence_s * 1000, 1)
        self.no_answer = self.own_words_ms is None
        self.words = words_by_tier(record, len(normal_words(self.own)))
        self.tier = None if self.no_answer else answered_by(self.words)
        self.fallback = _part(record, "cloud").get("fallback")
        self.cost = {name: float(_part(record, "cost").get(name) or 0.0) for name in ("edge", "cloud")}


def words_by_tier(record: Mapping[str, Any], spoken: int) -> dict[str, int]:
    """How many words each tier said, by the turn's record; all ``spoken`` are the small model's where it names no other."""
    if not spoken:
        return {}
    if record.get("skill"):
        return {"skill": spoken}
    pairs = _part(record, "answer").get("words") or _part(record, "cloud").get("words") or [["edge", spoken]]
    words: dict[str, int] = {}
    for tier, count in pairs:
        name = "small" if tier == "edge" else str(tier)
        words[name] = words.get(name, 0) + int(count)
    return words


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a record; empty where it has none: not every turn has all of them."""
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}


def answered_by(words: Mapping[str, int]) -> str:
    """Who gave an answer: no model, or the largest of those that had a part in it."""
    return next((tier for tier in ("skill", "cloud", "large") if words.get(tier)), "small")


def mark_repeats(turns: Sequence[AnsweredTurn]) -> None:
    """Find the replies of one conversation that an earlier turn of it had word for word."""
    earlier: set[str] = set()
    for turn in turns:
        text = " ".join(normal_words(turn.own))
        turn.repeats = bool(text) and text in earlier
        earlier.add(text)
