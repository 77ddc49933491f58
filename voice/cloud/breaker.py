"""When to leave the cloud alone (pure; time is an argument).

Strategy: a circuit breaker (Nygard, *Release It!*, chapter 5). After a failure the cloud is left alone for a while, twice as
long after each further one; then one request may try whether it is back. That request is an ordinary turn: the edge has begun
to answer it anyway, so nobody waits for the trial.
"""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
"""Short enough that a turn or two after the cloud is back, it is used again."""
LASTING_PAUSE_S = 15.0
"""For what does not mend by itself: a wrong key, a model that does not exist."""


class Breaker:
    """Says whether a request may be made now."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_from_s = 0.0
        self._trying = False
        self._out_of_reach = False

    @property
    def open(self) -> bool:
        """Whether the last request failed."""
        return self._failures > 0

    def allows(self, now_s: float) -> bool:
        """Whether to try: always while all is well; after a failure not before the pause is over, and one at a time."""
        return not self.open or (now_s >= self._closed_from_s and not self._trying)

    def began(self) -> None:
        """A request is made."""
        self._trying = self.open

    def succeeded(self) -> None:
        """A request gave a token: all is well."""
        self._failures = 0
        self._trying = False

    def reached(self, now_s: float) -> None:
        """The cloud can be reached. If that was all that was missing, the next request may try it at once."""
        if self._out_of_reach:
            self._closed_from_s = min(self._closed_from_s, now_s)

    def failed(self, now_s: float, *, retry_after_s: float = 0.0, lasting: bool = False, out_of_reach: bool = False) -> None:
        """A request failed. ``retry_after_s``: what the cloud itself asked for; ``out_of_reach``: nobody was there."""
        pause_s = LASTING_PAUSE_S if lasting else min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**self._failures)
        self._failures += 1
        self._out_of_reach = out_of_reach
        self._trying = False
        self._closed_from_s = now_s + max(pause_s, retry_after_s)

    def given_up(self) -> None:
        """A request was withdrawn before anything was known of it."""
        self._trying = False
