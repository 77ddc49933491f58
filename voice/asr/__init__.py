"""What was said: faster-whisper with a short audio context."""
