"""The microphone benchmark, over a private PulseAudio server."""
