"""What an attempt at a reply may do by now. Two permissions, given apart and never confused.

*Continue*: go on beyond the first clause. Given at the user's pause; taken away when the user goes on.

*Leave*: let words of the turn, and what was made of them, leave the device. Given when the turn has ended; or with the first
permission, where the privacy gate says that no later word could make anything of it private.
"""

import asyncio

from voice.core.budget import Deadline


class Permissions:
    """Of one attempt. Waiting is cancel-safe.

    Attributes:
        deadline: of the first audio, once that is known.
    """

    def __init__(self) -> None:
        self.deadline: Deadline | None = None
        self._continue = asyncio.Event()
        self._leave = asyncio.Event()
        self._settled = False
        self._over = False

    @property
    def may_continue(self) -> bool:
        """Whether these are the user's words, as far as a pause tells."""
        return self._continue.is_set()

    @property
    def may_leave(self) -> bool:
        """Whether they may leave the device, where the turn was placed elsewhere."""
        return self._leave.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the turn has ended: what is said to bridge a wait does not cut the user off."""
        return self._over

    def allow_continuing(self, deadline: Deadline | None) -> None:
        """The user has paused, and has said this."""
        self.deadline = deadline
        self._continue.set()
        if self._settled:
            self._leave.set()

    def allow_leaving(self) -> None:
        """The turn has ended."""
        self._over = True
        self._leave.set()

    def settled(self) -> None:
        """No later word can make anything of it private: it may leave at the pause."""
        self._settled = True
        if self._continue.is_set():
            self._leave.set()

    def hold_back(self) -> None:
        """The user goes on."""
        self._over = False
        self._continue.clear()
        self._leave.clear()

    async def to_continue(self) -> None:
        """Wait for the first permission."""
        await self._continue.wait()

    async def to_leave(self) -> None:
        """Wait for the second permission."""
        await self._leave.wait()
