"""Whose turn is it? The transition table, the end of turn, the interruption."""
