"""How hard a question is for *this* pair of models: what the small one gets right, what the larger, what only one of them.

Strategy: both were asked the same thousand questions (``scripts/label_pair``), and a small softmax over the four outcomes was
fitted to the encoder's pooled representation (``scripts/fit_pair``). So what counts for routing, that the small model is wrong
*and* the larger one right, is learnt as such. The weights are plain data, and belong to the encoder that they were fitted on.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voice.core.errors import ModelError, ModelMissing
from voice.route.confidence import Calibration

OUTCOMES = ("both", "only_small", "only_large", "neither")


@dataclass(frozen=True, slots=True)
class Odds:
    """The probabilities of what the two models make of a question; their sum is 1."""

    both: float
    only_small: float
    only_large: float
    neither: float

    @property
    def small_right(self) -> float:
        """That the small model's answer is right."""
        return self.both + self.only_small

    @property
    def large_right(self) -> float:
        """That the larger model's answer is right."""
        return self.both + self.only_large

    @property
    def gain(self) -> float:
        """How much likelier the larger model is right than the small one; -1 to 1."""
        return self.only_large - self.only_small

    def towards(self, other: "Odds", share: float) -> "Odds":
        """A mixture: ``share`` (0 to 1) of the other, the rest of this one."""
        mine = 1.0 - share
        return Odds(
            mine * self.both + share * other.both,
            mine * self.only_small + share * other.only_small,
            mine * self.only_large + share * other.only_large,
            mine * self.neither + share * other.neither,
        )


UNLABELLED = Odds(0.35, 0.05, 0.2, 0.4)
"""Of a question of which no head has said anything; about what the shipped pair made of all of its questions."""


class Pair:
    """The two models that were labelled, and what was learnt of them. Thread-safe; a call takes some microseconds.

    Attributes:
        small, large: their names, as they were asked for.
        calibration: of the small model's confidence (:mod:`voice.route.confidence`).
        card: all that the file says: the date, how many labels, how good the fit is.
    """

    def __init__(self, path: Path, encoder_sha256: str, width: int) -> None:
        """Load and check the file.

        Args:
            path: written by ``scripts/fit_pair``.
            encoder_sha256: of the encoder whose pooled representation will be given.
            width: how many numbers that is.

        Raises:
            ModelMissing: it is not there.
            ModelError: it is no such file, or was fitted on another encoder.
        """
        self.card = _card(path)
        if self.card.get("encoder") != encoder_sha256:
            raise ModelError(f"{path} was fitted on another encoder than the one here. Fit it again: scripts/fit_pair.")
        try:
            self.small, self.large = str(self.card["small"]), str(self.card["large"])
            self._weights = np.array(self.card["head"]["weights"], dtype=np.float32)
            self._bias = np.array(self.card["head"]["bias"], dtype=np.float32)
            self.calibration = Calibration(**{str(name): float(value) for name, value in self.card["confidence"].items()})
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} does not describe a pair of models ({error!r}). Fit it again: scripts/fit_pair."
            ) from error
        shapes = (self._weights.shape, self._bias.shape)
        if shapes != ((len(OUTCOMES), width), (len(OUTCOMES),)) or not np.isfinite(self._weights).all():
            raise ModelError(f"{path}: its weights are {shapes[0]}, {(len(OUTCOMES), width)} are needed.")

    def odds(self, pooled: npt.NDArray[np.float32]) -> Odds:
        """What the two models will make of the utterance with this pooled representation."""
        logits = self._weights @ pooled + self._bias
        shares = np.exp(logits - logits.max())
        both, only_small, only_large, neither = (shares / shares.sum()).tolist()
        return Odds(both, only_small, only_large, neither)


def _card(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelMissing(f"{path} is missing: it comes with the source, or from scripts/fit_pair.")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Fit it again: scripts/fit_pair.") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path} does not describe a pair of models. Fit it again: scripts/fit_pair.")
    return card
