"""What a person sees in the terminal: level, state, transcript, and what the last turns' time was spent on."""

import math
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from voice.mic.gate import Gate
from voice.mic.status import Status

_ROLES = {"you": "cyan", "voice": "green", "note": "yellow"}
_BAR = 30
_WAYS = {"open": "open microphone", "push": "press Space to talk", "wake": "say the wake word"}


def meter(level: float, width: int = _BAR) -> Text:
    """A level (0 to 1) as a bar from -60 to 0 dBFS."""
    db = 20 * math.log10(max(level, 1e-3))
    filled = round((db + 60) / 60 * width)
    style = "red" if db > -3 else "yellow" if db > -12 else "green"
    return Text.assemble(("█" * filled, style), ("·" * (width - filled), "dim"), f" {db:4.0f} dB")


def waterfall(record: dict[str, Any], budget_ms: float) -> Text:
    """One turn: when the reply's own words came, against the budget, and the stages that the time was spent in."""
    own = record.get("own_words_ms", record.get("ttfa_ms"))
    stages = {name: ms for name, ms in (record.get("stages_ms") or {}).items() if ms}
    late = own is not None and own > budget_ms
    text = Text(f"turn {record.get('turn', '?'):>3} ")
    text.append("    – ms " if own is None else f"{own:5.0f} ms ", style="red" if late else "green")
    text.append(f"{record.get('skill') or record.get('alert') or record.get('tier', '')!s:10.10} ")
    text.append("  ".join(f"{name} {ms:.0f}" for name, ms in stages.items()), style="dim")
    return text


class View:
    """Renders a daemon's status anew each time it is printed."""

    def __init__(self, status: Status, gate: Gate, budget_ms: float) -> None:
        self._status = status
        self._gate = gate
        self._budget_ms = budget_ms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        status = self._status
        top = Table.grid(padding=(0, 2))
        heard = "hearing you" if status.is_open else _WAYS[self._gate.mode]
        top.add_row(meter(status.level), Text(status.state, style="bold"), Text(heard, style="cyan"))
        counts = status.counts
        facts = (
            f"{status.microphone or '–'} → {status.loudspeaker or '–'} · {status.latency_ms:.0f} ms · "
            f"overruns {counts.overruns} · underruns {counts.underruns} · lost {counts.lost}"
        )
        rows = max(3, options.max_height - 10 - len(status.turns)) if options.max_height else 10
        said = [Text(f"{line.role:>5}  {line.text}", style=_ROLES[line.role]) for line in list(status.lines)[-min(rows, 12) :]]
        if not said:
            said = [Text("say something", style="dim")]
        parts: list[Any] = [top, Text(facts, style="dim")]
        if status.trouble:
            parts.append(Text(status.trouble, style="red"))
        parts.append(Panel(Group(*said), title="transcript", title_align="left"))
        if status.turns:
            turns = Group(*(waterfall(record, self._budget_ms) for record in status.turns))
            parts.append(Panel(turns, title=f"the last turns, against {self._budget_ms:.0f} ms", title_align="left"))
        parts.append(Text("Ctrl-C ends it", style="dim"))
        yield from parts
