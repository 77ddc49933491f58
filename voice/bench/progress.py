"""Progress bars of measurements, on standard error."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from voice.commands.common import console

if TYPE_CHECKING:
    from rich.progress import Progress


def stages(bar: "Progress") -> Callable[[str, int, int], None]:
    """Shows one stage after another: told what is done, how much of it, and of how much."""
    tasks: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            for earlier in tasks.values():
                bar.update(earlier, completed=bar.tasks[earlier].total)
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    return progress


def progress_bar() -> "Progress":
    """A bar on standard error with what is done, what is left, and the time it takes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(),
    )
