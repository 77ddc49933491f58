"""voice: a real-time voice assistant with a 300 ms budget.

The flow, in order::

    microphone or WebSocket → audio → vad → asr → turn → route → llm → tts → audio → client

Beside it, never in it: ``budget`` (one absolute deadline a turn), ``trace`` (what happened when), ``session`` (what was
said).
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
"""How long an idle OpenMP thread (llama.cpp, CTranslate2) spins before it sleeps; read once, when the library loads.

The default spins for milliseconds and takes the processor from the other models: beside one busy thread a token costs four
times as much. Without spinning every operation wakes its threads anew: alone, a token costs three times as much. This is the
lowest count that costs nothing alone.
"""

__version__ = "0.1.0"
