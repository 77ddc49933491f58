"""Is there speech? Silero's probabilities, and the pure rule that turns them into starts and stops."""
