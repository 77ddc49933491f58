"""What the parts of a turn tell the conversation. One protocol, implemented by the conversation alone.

Each call names the turn by its number, since what is under way may come late: the conversation drops what belongs to a turn
that is over. All are called on the event loop, in no task of the conversation's own; none awaits, none raises.
"""

from typing import Protocol


class ReplyHooks(Protocol):
    """What an attempt at a reply tells."""

    def reply_ready(self, turn: int) -> None:
        """The first audio is there, or there will be none."""
        ...


class TurnHooks(ReplyHooks, Protocol):
    """What all parts of a turn tell, in the order of a turn."""

    def partial(self, turn: int, text: str, stable_chars: int) -> None:
        """What the user has said so far; its first ``stable_chars`` characters are not expected to change."""
        ...

    def turn_over(self, turn: int) -> None:
        """The user has finished, as far as the evidence goes: what was said may leave the device, where it may at all."""
        ...

    def reply_late(self, turn: int) -> None:
        """The turn is over, its deadline is near, and its reply is not ready."""
        ...

    def end_of_turn(self, turn: int) -> None:
        """The turn is over and its reply may be heard; or there is no evidence left to wait for."""
        ...

    def nothing_said(self, turn: int) -> None:
        """There were no words."""
        ...

    def reply_ended(self, turn: int) -> None:
        """Everything of the reply was sent and played."""
        ...
