"""A client of a voice server: one question and its answer, or a microphone that stays open.

``replay`` plays a recording to a server and notes what came of it, and when.
"""

from voice.client.client import Received, ReceivedAudio, VoiceClient, health
from voice.client.position import ReplyPosition

__all__ = ["Received", "ReceivedAudio", "ReplyPosition", "VoiceClient", "health"]
