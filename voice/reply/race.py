"""Two sources of a first clause, waited for at the same time; who of them is let go is for somebody else to say.

Strategy: each source is an asynchronous generator, and at most one clause of each is asked for ahead of time, in a task of its
own. Whoever is left behind is closed at once: a busy edge model then has one turn less to work at.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from voice.reply.permissions import Permissions


class Race:
    """The edge's clauses, and those of a cloud that may enter beside it. Close it with :meth:`aclose`.

    Args:
        edge: its clauses.
        permissions: something may be decided anew once one more of them is given.

    Attributes:
        cloud: its further clauses, once its first one was taken and while it was not left.
    """

    def __init__(self, edge: AsyncGenerator[str, None], permissions: Permissions) -> None:
        self.cloud: AsyncGenerator[str, None] | None = None
        self._source = edge
        self._permissions = permissions
        self._edge_task: asyncio.Task[str | None] | None = None
        self._cloud_task: asyncio.Task[str | None] | None = None
        self._edge_left = False
        self.cloud_ran = False

    async def wait(self, timeout_s: float | None) -> None:
        """Until one of them has a clause, or has failed, or one more permission is given, or the time is up. Cancel-safe."""
        if self._edge_task is None and not self._edge_left:
            self._edge_task = asyncio.create_task(_next(self._source), name="edge clause")
        sources = [task for task in (self._edge_task, self._cloud_task) if task is not None]
        if timeout_s is None and any(task.done() for task in sources):
            return
        waited: list[asyncio.Task[Any]] = [task for task in sources if not task.done()]
        permission = None
        if not (self._permissions.may_continue and self._permissions.may_leave):
            permission = asyncio.create_task(self._permissions.next_one(), name="permission")
            waited.append(permission)
        try:
            if waited:
                await asyncio.wait(waited, timeout=timeout_s, return_when="FIRST_COMPLETED")
            else:  # both have a clause: one is held back until its time has come
                await asyncio.sleep(timeout_s or 0.0)
        finally:
            if permission is not None:
                permission.cancel()

    @property
    def edge_is_there(self) -> bool:
        """Whether the edge has a clause, has ended, or has failed."""
        return self._edge_task is not None and self._edge_task.done()

    @property
    def cloud_is_there(self) -> bool:
        """Whether the cloud has a first clause, or has failed."""
        return self._cloud_task is not None and self._cloud_task.done()

    @property
    def cloud_runs(self) -> bool:
        """Whether the cloud is in it."""
        return self._cloud_task is not None

    def edge_clause(self) -> str | None:
        """Take it; ``None`` at the end of the answer. Raises what the source raised."""
        task, self._edge_task = self._edge_task, None
        return None if task is None else task.result()

    def enter_cloud(self, clauses: AsyncGenerator[str, None]) -> None:
        """The cloud is asked, too."""
        self.cloud_ran = True
        self.cloud = clauses
        self._cloud_task = asyncio.create_task(_next(clauses), name="cloud clause")

    def cloud_clause(self) -> str | None:
        """Take it. Raises what the source raised."""
        task, self._cloud_task = self._cloud_task, None
        return None if task is None else task.result()

    async def leave_edge(self) -> None:
        """The cloud has the word: the edge's answer is not made any further."""
        self._edge_left = True
        task, self._edge_task = self._edge_task, None
        await _dropped(task)
        await self._source.aclose()

    async def leave_cloud(self) -> None:
        """The edge has the word."""
        task, self._cloud_task = self._cloud_task, None
        clauses, self.cloud = self.cloud, None
        await _dropped(task)
        if clauses is not None:
            await clauses.aclose()

    @property
    async def edge(self) -> AsyncGenerator[str, None]:
        """The edge's further clauses, the one at hand included."""
        while not self._edge_left:
            await self.wait(None)
            if (clause := self.edge_clause()) is None:
                return
            yield clause

    async def aclose(self) -> None:
        """Leave both."""
        await self.leave_cloud()
        await self.leave_edge()


async def _next(clauses: AsyncGenerator[str, None]) -> str | None:
    return await anext(clauses, None)


async def _dropped(task: "asyncio.Task[str | None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
