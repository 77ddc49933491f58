"""How far to draft, how deep to pipeline, and whether at all (pure).

Strategy: a draft of g tokens is sent as soon as it is written, the next one is begun at once, and up to d blocks are in flight.
The draft comes true for a while and is then wrong: with acceptance a, 1 / (1 - a) tokens come of that, the correction included.
Until it is known that the draft was wrong,

    T = g * draft + rtt + verify(g) + a^g / (1 - a^g) * max(g * draft, verify(g), (rtt + verify(g)) / d)

passes: the block with the wrong token goes there and back, and before it the blocks that were right kept the slowest part of
the pipeline busy. Without pipelining, with the bonus token, a round of g * draft + rtt + verify(g) yields
(1 - a^(g + 1)) / (1 - a) tokens (Leviathan et al. 2023); that is computed beside it. Plain streaming takes the verifier's
token time whatever the round trip is, because nothing is waited for. So the best of these is chosen, and streaming unless the
gain is worth it.
"""

from dataclasses import dataclass, field

from voice.draft.acceptance import expected_tokens
from voice.draft.confidence import DraftCalibration, pays

MARGIN = 1.25
"""Blocks must be expected to be this many times as fast as streaming: the expectation is one of long replies."""
OFFER_MARGIN = 1.03
VERIFY_SHARE = 0.08
"""What a draft token adds to a step as long as that was not measured, as a share of the step."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the speed of drafting depends on. Times in milliseconds.

    Attributes:
        acceptance: the probability (0 to 1) that a draft token stands when those before it do.
        rtt_ms: a message there and back, without computing.
        token_ms: the verifier's time for one token of plain streaming.
        verify_ms: what one draft token adds to that in a block.
        draft_ms: one token on the edge.
    """

    acceptance: float
    rtt_ms: float
    token_ms: float
    verify_ms: float
    draft_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer.

    Attributes:
        draft_tokens: in a block; 0 for plain streaming.
        depth: blocks in flight at the same time.
        gain: expected speed against plain streaming (1 is equal).
    """

    draft_tokens: int = 0
    depth: int = 1
    gain: float = 1.0

    @property
    def streams(self) -> bool:
        """Whether nothing is drafted for verification."""
        return self.draft_tokens == 0


STREAM = Plan()


def drafted_token_ms(conditions: Conditions, draft_tokens: int, depth: int) -> float:
    """Expected milliseconds a token with drafts of this length and so many blocks in flight."""
    c, a, g = conditions, min(conditions.acceptance, 0.999), draft_tokens
    verify = c.token_ms + g * c.verify_ms
    if depth == 1:
        return (g * c.draft_ms + c.rtt_ms + verify) / expected_tokens(a, g)
    right = a**g / (1 - a**g)
    slowest = max(g * c.draft_ms, verify, (c.rtt_ms + verify) / depth)
    return (g * c.draft_ms + c.rtt_ms + verify + right * slowest) * (1 - a)


def offered_token_ms(conditions: Conditions) -> float:
    """Expected milliseconds a token with a verifier that streams on while drafts are offered to it.

    After a draft was wrong the verifier goes on alone, a token a step, until at the beginning of a step there is more of a new
    draft than it has said itself: after k steps. The next step judges what waits, and each one after it what was drafted
    meanwhile, until the draft is wrong again, behind L right tokens, with probability a^L (1 - a).
    """
    c, a = conditions, min(conditions.acceptance, 0.99)
    if c.draft_ms >= c.token_ms:
        return c.token_ms
    alone = next((k for k in range(1, 200) if (k * c.token_ms - c.rtt_ms) // c.draft_ms > k), 200)
    waiting = (alone * c.token_ms - c.rtt_ms) / c.draft_ms - alone
    a_step = c.token_ms / c.draft_ms
    steps, chance = 0.0, 1 - a
    for right in range(300):
        over = right - alone - waiting
        taken = right + 1 if right < alone else alone + 1 if over <= 0 else alone + 2 + (over - 1) // a_step
        steps += chance * taken
        chance *= a
    return min(c.token_ms, (1 - a) * steps * c.token_ms + a**alone * c.verify_ms)


def offering_plan(conditions: Conditions, *, margin: float = OFFER_MARGIN) -> Plan:
    """Whether to offer drafts: they cost the edge energy and never any time, so a small gain is enough."""
    gain = conditions.token_ms / offered_token_ms(conditions)
    return Plan(1, 1, gain) if gain > margin else STREAM


def best_plan(conditions: Conditions, *, max_draft: int = 16, max_depth: int = 4, margin: float = MARGIN) -> Plan:
    """The fastest way to answer under these conditions."""
    best_ms, best = conditions.token_ms / margin, STREAM
    for depth in range(1, max_depth + 1):
        for draft_tokens in range(1, max_draft + 1):
            token_ms = drafted_token_ms(conditions, draft_tokens, depth)
            if token_ms < best_ms:
                best_ms, best = token_ms, Plan(draft_tokens, depth, conditions.token_ms / token_ms)
    return best


@dataclass(slots=True)
class Estimate:
    """A running time, much like a median.

    It moves by a share of its own size towards each value, so that one stall of a network counts as one and not by its length.
    """

    value_ms: float = 0.0
    seen: int = 0

    def add(self, ms: float) -> None:
        """Take a measurement into account."""
        self.seen += 1
        if self.seen == 1 or self.value_ms <= 0:
            self.value_ms = ms
            return
        step = max(0.02, 0.5 / self.seen) * self.value_ms
        self.value_ms += max(-step, min(step, ms - self.value_ms))


@dataclass(slots=True)
class Acceptance:
    """The share of draft tokens that stand, newer ones counting more. The prior weighs as much as twenty tokens."""

    prior: float = 0.7
    accepted: float = field(init=False)
    judged: float = 20.0

    MEMORY = 400.0

    def __post_init__(self) -> None:
        self.accepted = self.prior * self.judged

    @property
    def rate(self) -> float:
        """0 to 1."""
        return self.accepted / self.judged

    def add(self, accepted: int, rejected: int) -> None:
        """Take judged tokens into account."""
        self.accepted += accepted
        self.judged += accepted + rejected
        if self.judged > self.MEMORY:
            self.accepted *= self.MEMORY / self.judged
            self.judged = self.MEMORY


class Controller:
    """Learns the conditions and makes plans. One for each pair of models; task kinds differ in acceptance alone."""

    def __init__(self, *, max_draft: int = 16, max_depth: int = 4, margin: float = MARGIN) -> None:
        self._limits = (max_draft, max_depth, margin)
        self._kinds: dict[str, Acceptance] = {}
        self._all = Acceptance()
        self.rtt = Estimate()
        self.token = Estimate()
        self.block_token = Estimate()
        """What a draft token adds to a step."""
        self.draft = Estimate()
        self.calibration = DraftCalibration()

    def acceptance(self, kind: str) -> Acceptance:
        """Of one kind of task. One that was never met begins where all others are."""
        if kind not in self._kinds:
            self._kinds[kind] = Acceptance(prior=self._all.rate)
        return self._kinds[kind]

    def judged(self, kind: str, accepted: int, rejected: int) -> None:
        """Draft tokens stood or fell."""
        self.acceptance(kind).add(accepted, rejected)
        self._all.add(accepted, rejected)

    def pays(self, kind: str, chance: float) -> bool:
        """Whether another draft token is worth its cost when those before it stand with this probability."""
        c = self.conditions(kind)
        return c is None or pays(chance, token_ms=c.token_ms, verify_ms=c.verify_ms, draft_ms=c.draft_ms)

    def flight(self, *, took_ms: float, compute_ms: float, draft_tokens: int, queued: bool, prompt: bool) -> None:
        """A block came back. ``queued``: it waited behind another; ``prompt``: the prompt was computed with it."""
        if not queued:
            self.rtt.add(max(0.1, took_ms - compute_ms))
        if draft_tokens and compute_ms > 0 and self.token.seen and not prompt:
            self.block_token.add(max(0.01, (compute_ms - self.token.value_ms) / draft_tokens))

    def conditions(self, kind: str) -> Conditions | None:
        """What is known; None as long as a part is missing."""
        if not (self.rtt.seen and self.token.seen and self.draft.seen):
            return None
        return Conditions(
            acceptance=self.acceptance(kind).rate,
            rtt_ms=self.rtt.value_ms,
            token_ms=self.token.value_ms,
            verify_ms=self.block_token.value_ms if self.block_token.seen else VERIFY_SHARE * self.token.value_ms,
            draft_ms=self.draft.value_ms,
        )

    def plan(self, kind: str, *, depth: int) -> Plan:
        """How to answer a turn of this kind. Streams until it knows.

        Args:
            kind: of task.
            depth: blocks that the verifier takes at a time; 0: it takes offers.
        """
        conditions = self.conditions(kind)
        if conditions is None:
            return STREAM
        if depth == 0:
            return offering_plan(conditions)
        max_draft, max_depth, margin = self._limits
        return best_plan(conditions, max_draft=max_draft, max_depth=min(depth, max_depth), margin=margin)
