"""One line of the latency-budget log, parsed: what has a wrong type anywhere is no record.

Only what the readers use is named here; other fields are passed over, so that an older reader reads a newer log. All numbers
are finite and bounded, so that no sum of a log's can overflow.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Ms = Annotated[float, Meta(ge=-1e15, le=1e15)]
Amount = Annotated[float, Meta(ge=-1e12, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Label = Annotated[str, Meta(max_length=10_000)]


class Route(msgspec.Struct, frozen=True):
    """Where the turn was placed, and why."""

    tier: Label = ""
    task: Label | None = None
    reasons: tuple[Label, ...] = ()
    private: tuple[Label, ...] = ()
    cloud_forecast_ms: Ms | None = None
    round_trip_ms: Ms | None = None


class Cloud(msgspec.Struct, frozen=True):
    """The cloud's part in the answer.

    Attributes:
        words: who spoke how many, in order: (tier, words).
        fallback: the code of why the edge stepped in.
    """

    requests: Count = 0
    warmed: Count = 0
    first_token_ms: Ms | None = None
    tokens: Count = 0
    words: tuple[tuple[Label, Count], ...] = ()
    fallback: Label | None = None


class Cost(msgspec.Struct, frozen=True):
    """What the turn cost, and would have cost elsewhere, in units of the currency."""

    currency: Label = ""
    edge: Amount = 0.0
    cloud: Amount = 0.0
    all_cloud: Amount = 0.0
    all_edge: Amount | None = None
    tokens_in: Count = 0
    tokens_out: Count = 0
    tokens_cached: Count = 0
    tokens_edge: Count = 0
    tokens_wasted: Count = 0

    @property
    def spent(self) -> float:
        """Here and in the cloud."""
        return self.edge + self.cloud


class Size(msgspec.Struct, frozen=True):
    """What stands in the log for a text that is not to be read there."""

    chars: Count = 0
    words: Count = 0


Text = str | Size


class Answered(msgspec.Struct, frozen=True):
    """Who said how much of a reply, and what else was said: so many bridges, and a notice where a larger model failed."""

    words: tuple[tuple[Label, Count], ...] = ()
    bridges: Count = 0
    large_first_token_ms: Ms | None = None
    notice: str | None = None
    anew: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A turn. Times are milliseconds: ``marks`` since 1970, ``offsets_ms`` since the user's last voiced sample.

    Attributes:
        draft: what became of speculative drafting, as it stands in the log.
        line: the whole line.
    """

    turn: Annotated[int, Meta(ge=0, le=2**53)]
    marks: dict[Label, Ms]
    offsets_ms: dict[Label, Ms]
    stages_ms: dict[Label, Ms | None]
    forecast_ms: dict[Label, Ms | None]
    conversation: Label = "?"
    ttfa_ms: Ms | None = None
    own_words_ms: Ms | None = None
    deadline: Ms | None = None
    late_ms: Ms | None = None
    tier: Label = "edge"
    end_reason: Label = "?"
    typed: bool = False
    user_text: Text = ""
    reply_text: Text = ""
    heard_text: Text = ""
    filler_text: Text = ""
    takebacks: Count = 0
    reopenings: Count = 0
    reply_tokens: Count = 0
    wasted_tokens: Count = 0
    error: str | None = None
    excused: bool = False
    answer: Answered | None = None
    filler: bool = False
    skill: Label | None = None
    alert: Label | None = None
    doubt: Label | None = None
    user: Label = ""
    feature: Label = ""
    route: Route | None = None
    cloud: Cloud | None = None
    draft: dict[str, Any] | None = None
    cost: Cost | None = None
    line: bytes = b""

    @property
    def budget_ms(self) -> float | None:
        """What the turn promised: the deadline, from the user's last voiced sample."""
        end = self.marks.get("speech_end")
        return None if self.deadline is None or end is None else self.deadline - end

    @property
    def first_sound_ms(self) -> float | None:
        """When the first audio of any kind was sent."""
        return self.ttfa_ms

    @property
    def own_ms(self) -> float | None:
        """When the first audio of the reply's own words was: later than the first sound, where something came before them."""
        if self.own_words_ms is not None:
            return self.own_words_ms
        return self.offsets_ms.get("answer_heard", None if self.is_filled else self.offsets_ms.get("first_audio_sent"))

    @property
    def is_filled(self) -> bool:
        """Whether something that is not the reply came before its own words: a filler, a bridge, a notice."""
        said = self.filler_text.words if isinstance(self.filler_text, Size) else len(self.filler_text)
        return self.filler or said > 0 or "answer_heard" in self.offsets_ms

    @property
    def is_bridged(self) -> bool:
        """Whether it had to be said that it takes a moment. Older logs call that excused."""
        return self.excused or (self.answer is not None and self.answer.bridges > 0)

    @property
    def filler_ms(self) -> float | None:
        """By how much the own words came behind the first sound, where something came before them."""
        first, own = self.first_sound_ms, self.own_ms
        return own - first if self.is_filled and first is not None and own is not None else None

    @property
    def late_by_ms(self) -> float | None:
        """By how much the own words came behind the deadline; 0 when they were in time.

        Older logs say there by how much the first sound did: where the times are known, they are what counts.
        """
        own, budget = self.own_ms, self.budget_ms
        if own is None or budget is None:
            return None if self.is_filled else self.late_ms
        return max(0.0, own - budget)

    @property
    def is_late(self) -> bool:
        """Whether the reply's own words came behind the deadline."""
        late_ms = self.late_by_ms
        return late_ms is not None and late_ms > 0

    @property
    def at_ms(self) -> float | None:
        """When it was, in ms since 1970: the end of the user's speech, or the first mark."""
        return self.marks.get("speech_end", min(self.marks.values(), default=None))

    @property
    def task(self) -> str | None:
        """What kind of thing was asked for, where it was placed."""
        return None if self.route is None else self.route.task

    @property
    def fallback(self) -> str | None:
        """Why the edge stepped in for the cloud."""
        return None if self.cloud is None else self.cloud.fallback

    @property
    def is_barge_in(self) -> bool:
        """Whether the user spoke over the reply and it stopped."""
        return "barge_in" in self.offsets_ms


_decode = msgspec.json.Decoder(Record)


def parse(line: bytes) -> Record | None:
    """The record in a line; ``None`` when it holds none."""
    try:
        return msgspec.structs.replace(_decode.decode(line), line=line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
