"""The router: transcript, state and forecasts in, decision out, in under 5 ms.

    router = Router(locate(), Policy())
    decision = router.decide("what's the weather", forecast=Forecast(cloud_first_ms=220))
    decision.choice.route  # "edge"

The gate always reads first, and nothing that fails after it can loosen what it found: an encoder that fails, an empty text or
one too long to read all end on the edge, with the reason.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from voice.core.config import RouteConfig
from voice.core.errors import ConfigError, ModelMissing
from voice.privacy import gate, language
from voice.privacy.findings import Finding, Kind
from voice.privacy.gate import PrivacyPolicy, PrivacyVerdict, PrivacyWatch, Treatment
from voice.route import policy
from voice.route.confidence import Calibration
from voice.route.encoder import Encoder, Heads
from voice.route.length import stated_tokens
from voice.route.policy import Choice, Forecast, Policy, RouteState

BUDGET_MS = 5.0


def policy_of(config: RouteConfig) -> Policy:
    """The policy that the settings ask for.

    Raises:
        ConfigError: a kind of private matter that is none, or one with two treatments.
    """
    treatments: dict[Kind, Treatment] = {}
    for key, treatment, names in (("redact", "redact", config.redact), ("allow", "allow", config.allow)):
        for name in names:
            if name not in set(Kind) or Kind(name) in treatments:
                why = "has two treatments" if name in set(Kind) else f"is no kind; the kinds are {', '.join(Kind)}"
                raise ConfigError(f"route.{key}: {name!r} {why}")
            treatments[Kind(name)] = cast(Treatment, treatment)
    return Policy(
        config.mode,
        PrivacyPolicy(treatments),
        right_answer_worth=config.right_answer_worth,
        second_costs=config.second_costs,
        patience_ms=config.patience_ms,
        long_tokens=config.long_tokens,
        max_price=config.max_price or math.inf,
    )


def locate() -> Path:
    """The folder of the shipped model: inside the package, or in the source tree.

    Raises:
        ModelMissing: it is in neither.
    """
    here = Path(__file__).parent
    for folder in (here / "model", here.parents[1] / "models" / "router"):
        if (folder / "router.json").is_file():
            return folder
    raise ModelMissing("the router's model is missing: it comes with the source (models/router), or from scripts/train_router.")


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with everything that led to it.

    Attributes:
        choice: where the turn is answered, and why.
        verdict: what the gate found.
        heads: what the encoder said; None when it was not asked or failed.
        took_ms: the whole decision, and of it ``gate_ms`` and ``encoder_ms``.
        settled: whether no later word can make anything of the text private.
    """

    choice: Choice
    verdict: PrivacyVerdict
    heads: Heads | None
    took_ms: float
    gate_ms: float
    encoder_ms: float
    settled: bool = False

    @property
    def task(self) -> str:
        """The likeliest kind of task; empty where nothing was asked of the encoder."""
        return "" if self.heads is None else str(self.heads.task)

    def brief(self) -> dict[str, object]:
        """The decision for a turn's line in the log: kinds of private matter, never what was said."""
        return {
            "tier": self.choice.route,
            "runner_up": self.choice.runner_up,
            "reasons": list(self.choice.reasons),
            "gain": None if self.choice.gain is None else round(self.choice.gain, 3),
            "private": sorted({str(found.kind) for found in self.verdict.findings}),
            "task": self.task or None,
            "ms": round(self.took_ms, 2),
        }

    def record(self, text: str | None = None) -> dict[str, object]:
        """The decision as JSON values, for the trace. Private text is in it only when ``text`` is given."""
        heads = self.heads
        return {
            "route": self.choice.route,
            "runner_up": self.choice.runner_up,
            "reasons": list(self.choice.reasons),
            "gain": None if self.choice.gain is None else round(self.choice.gain, 4),
            "redact": self.choice.redact,
            "gate": {
                "treatment": self.verdict.treatment,
                "settled": self.verdict.settled,
                "open_end": self.verdict.open_end,
                "findings": [_finding(found, text) for found in self.verdict.findings],
            },
            "heads": None if heads is None else {
                "task": str(heads.task),
                "task_probability": round(heads.task_probability, 4),
                "second": str(heads.second),
                "edge_probability": round(heads.edge_probability, 4),
                "difficulty": {
                    "small_right": round(heads.odds.small_right, 4), "large_right": round(heads.odds.large_right, 4),
                    "only_large": round(heads.odds.only_large, 4), "only_small": round(heads.odds.only_small, 4),
                },
                "length": {"tokens": heads.tokens, "tokens_p90": heads.tokens_p90},
            },
            "ms": {"total": round(self.took_ms, 3), "gate": round(self.gate_ms, 3), "encoder": round(self.encoder_ms, 3)},
        }  # fmt: skip


def _finding(found: Finding, text: str | None) -> dict[str, object]:
    confidence = round(found.confidence, 3)
    record: dict[str, object] = {"kind": str(found.kind), "start": found.start, "end": found.end, "confidence": confidence}
    record["rule"] = found.rule
    return record if text is None else {**record, "text": text[found.start : found.end]}


class Router:
    """One per process; thread-safe. Loading takes about a second, a decision about a millisecond."""

    def __init__(self, folder: Path, rules: Policy | None = None, *, pair: str = "", cloud_model: str = "") -> None:
        """Load the model and run it once, so that the first turn is as quick as the others.

        Args:
            folder: of the encoder.
            rules: what its owner wants.
            pair: the file of a pair of models that its owner has labelled; empty: the shipped one.
            cloud_model: as the endpoint names it: it may be the pair's larger one.

        Raises:
            ModelError: the model is missing, damaged, or not of this version.
        """
        self._encoder = Encoder(folder, Path(pair).expanduser() if pair else None)
        self.policy = replace(rules or Policy(), cloud_is_labelled=cloud_model == self._encoder.pair.large)
        language.load()
        self.decide("warm up, please: call me at seven", forecast=Forecast(cloud_first_ms=200.0))

    def calibration(self, model: str) -> Calibration | None:
        """How to read the confidence of this edge model; ``None`` where the labels are another one's."""
        return self._encoder.pair.calibration if model == self._encoder.pair.small else None

    def watch(self) -> PrivacyWatch:
        """The gate over the growing transcript of one turn; give it to :meth:`decide`."""
        return PrivacyWatch(self.policy.privacy)

    def gate(self, text: str) -> PrivacyVerdict:
        """What the rules alone find in a text, without the encoder: a fraction of a millisecond."""
        return gate.check(text, self.policy.privacy)

    def decide(
        self,
        text: str,
        *,
        final: bool = True,
        watch: PrivacyWatch | None = None,
        state: RouteState | None = None,
        forecast: Forecast | None = None,
    ) -> Decision:
        """Where a turn with this transcript is answered. Never raises for a text; never awaits.

        Args:
            text: the transcript so far; any string.
            final: nothing will follow. A partial transcript is only sent as far as ``verdict.settled``.
            watch: of this turn: what an earlier partial transcript revealed counts too.
            state: the conversation so far.
            forecast: what this moment allows; by default the cloud cannot be reached.
        """
        started = time.perf_counter()
        heads, failure = self._read(text)
        read = time.perf_counter()
        tags = heads.tags if heads is not None else None
        verdict = (
            watch.see(text, tags, final=final)
            if watch is not None
            else gate.check(text, self.policy.privacy, tags, final=final)
        )
        gated = time.perf_counter()
        if not any(c.isalnum() for c in text[: gate.MAX_CHARACTERS]):
            choice = Choice("edge", ("nothing was said",))
        else:
            choice = policy.decide(
                verdict, heads, stated_tokens(text), state or RouteState(), forecast or Forecast(), self.policy
            )
        took_ms = (time.perf_counter() - started) * 1000.0
        extra = (failure,) if failure else ()
        if took_ms > BUDGET_MS:
            extra = (*extra, f"the decision took {took_ms:.1f} ms, over its {BUDGET_MS:.0f} ms")
        if extra:
            choice = replace(choice, reasons=(*choice.reasons, *extra))
        return Decision(choice, verdict, heads, took_ms, (gated - read) * 1000.0, (read - started) * 1000.0, verdict.harmless)

    def _read(self, text: str) -> tuple[Heads | None, str | None]:
        if not text.strip() or len(text) > gate.MAX_CHARACTERS:
            return None, None
        try:
            return self._encoder.read(text), None
        except Exception as error:
            return None, f"the encoder failed: {error}"
