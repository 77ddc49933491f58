"""One conversation: its ear, its turns, its mouth, its history."""

from voice.session.conversation import Conversation

__all__ = ["Conversation"]
