"""voice: a real-time voice assistant with a 300 ms budget.

The flow, in order::

    microphone or WebSocket → audio → vad → asr → turn → route → llm → tts → audio → client

Beside it, never in it: ``budget`` (one absolute deadline a turn), ``trace`` (what happened when), ``session`` (what was
said).
"""

__version__ = "0.1.0"
