"""How the libraries that compute wait for work: a setting of the process that they read once, when they load."""

import os

SPINS = "1000"


def spin_briefly() -> None:
    """Let idle OpenMP threads (llama.cpp, CTranslate2) sleep soon. To be called before the first of these libraries loads.

    The default spins for milliseconds and takes the processor from the other models: beside one busy thread a token costs
    four times as much. Without spinning every operation wakes its threads anew: alone, a token costs three times as much. This
    is the lowest count that costs nothing alone. Whoever has set the variable is not overruled.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
