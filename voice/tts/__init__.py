"""How to say it: speakable text, clauses, Piper."""
