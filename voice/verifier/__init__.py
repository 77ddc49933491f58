"""voice verifier: a small engine that judges drafts, for any GGUF."""
