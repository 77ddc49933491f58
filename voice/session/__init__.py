"""One conversation: what it hears, whose turn it is, what it says, what it remembers."""
