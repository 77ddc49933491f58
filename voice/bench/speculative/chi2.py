"""Pearson's χ² test of goodness of fit (pure): can samples be told from the distribution that they should come from?"""

from collections.abc import Sequence
from math import exp, fsum, inf, lgamma, log

import numpy as np
import numpy.typing as npt


def p_value(counts: Sequence[int] | npt.NDArray[np.int64], expected: Sequence[float] | npt.NDArray[np.float64]) -> float:
    """The probability (0 to 1) of counts at least as far from ``expected`` (probabilities) if they come from it."""
    return tail(*statistic(counts, expected))


def statistic(
    counts: Sequence[int] | npt.NDArray[np.int64], expected: Sequence[float] | npt.NDArray[np.float64]
) -> tuple[float, int]:
    """χ² and its degrees of freedom; both of independent samples may be added up.

    Outcomes expected fewer than five times are counted together. An outcome of probability 0 that was counted gives infinity.
    """
    seen, wanted = np.asarray(counts, dtype=np.float64), np.asarray(expected, dtype=np.float64) * float(np.sum(counts))
    if np.any(seen[wanted == 0] > 0):
        return inf, seen.size - 1
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    rare = wanted < 5
    if rare.any():
        seen, wanted = np.append(seen[~rare], seen[rare].sum()), np.append(wanted[~rare], wanted[rare].sum())
    return float(((seen - wanted) ** 2 / wanted).sum()), wanted.size - 1


def tail(statistic: float, degrees: int) -> float:
    """The probability that a χ² variable of ``degrees`` degrees of freedom exceeds ``statistic``.

    The regularised upper incomplete gamma function Q(degrees / 2, statistic / 2), by its series for P = 1 - Q.
    """
    a, x = degrees / 2, statistic / 2
    if degrees < 1 or x <= 0:
        return 1.0
    if x > 700:  # beyond the exponent's range, and beyond doubt for the degrees of freedom met here
        return 0.0
    terms, term, n = [1 / a], 1 / a, a
    while abs(term) > 1e-16 * abs(terms[0]) or n < x:
        n += 1
        term *= x / n
        terms.append(term)
    return max(0.0, 1.0 - exp(a * log(x) - x - lgamma(a)) * fsum(terms))
