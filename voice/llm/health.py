"""What becomes of a model that fails: when its context is blamed, when it is said not to serve, when it is tried again."""

import logging

from voice.core.errors import first_line

FAILURES_IN_A_ROW = 3
"""After so many the model is said not to serve, and is left alone for a while before each further try."""
LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)


class ModelHealth:
    """The failures of one model. Written by its thread; read by any.

    Attributes:
        problem: why it cannot serve now; empty while it can.
        broken: its context has to be made anew.
    """

    def __init__(self) -> None:
        self.problem = ""
        self.broken = False
        self._failures = 0

    @property
    def pause_s(self) -> float:
        """How long to leave it alone before the next try: nothing at first, then 1 s, 2 s, 4 s …, a minute at most."""
        late = self._failures - FAILURES_IN_A_ROW
        return 0.0 if late < 0 else min(LONGEST_PAUSE_S, 2.0 ** min(late, 16))

    def failed(self, error: BaseException, *, broken: bool = False) -> None:
        """It has failed; the second time in a row it is the context that is blamed, and otherwise if it is ``broken``."""
        self._failures += 1
        self.broken = broken or self.broken or self._failures > 1
        _log.error("the language model failed (%d in a row)", self._failures, exc_info=error)
        if self._failures >= FAILURES_IN_A_ROW:
            self.problem = f"the language model has failed {self._failures} times in a row: {first_line(error)}"

    def renewed(self) -> None:
        """It has a context that was tried. The failures count until something real succeeds."""
        self.problem, self.broken = "", False

    def succeeded(self) -> None:
        """It has done what it was asked for."""
        self._failures = 0
