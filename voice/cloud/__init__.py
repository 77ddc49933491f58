"""The cloud tier: any OpenAI-compatible chat endpoint, with a bound on every wait."""
