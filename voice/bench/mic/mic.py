"""``voice bench mic``: the daemon between a real sound server and a real voice server.

A private PulseAudio server (:mod:`.pulse`) is the sound card: recordings are played into its microphone, and its loudspeaker
is recorded. The daemon reaches it through PortAudio, as any user's does. Measured are what is lost at the start of speech and
the latency that the daemon adds to a plain WebSocket client (:mod:`.mic_way`), the assistant's own voice fed back at -10 dB and
real speech over it (:mod:`.mic_echo`), and devices pulled out and put back (:mod:`.mic_plug`). Both sinks keep the same clock
and the echo is a plain copy: clocks that drift and rooms that ring are not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from voice.bench.data.clips import speech_clips
from voice.bench.data.recordings import Recording, default_recordings, spread
from voice.bench.mic import echo, hotplug, path
from voice.bench.mic.echo import Over
from voice.bench.mic.path import AudioPath
from voice.bench.mic.pulse import PulseServer
from voice.bench.report import summary
from voice.bench.server import RunningServer

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_S = 6.0
PLUGS = 3
"""Times that each device is pulled out."""
LONGEST_LOST_MS = 20.0
"""At a recording's start, less than two frames of 10 ms are not missed."""
Progress = Callable[[str, float, float], None]
"""Takes what is measured, how much of it is done, and of how much."""


async def measure(server: RunningServer, *, minutes: float, limit: int, progress: Progress) -> dict[str, Any]:
    """Everything, one after the other.

    Args:
        server: with every model, for the echo.
        minutes: of the assistant's own speech.
        limit: recordings for each part.
        progress: see :data:`Progress`.

    Raises:
        DeviceError: no PulseAudio, no PortAudio, or they fail.
    """
    said = _recordings(limit)
    clips = spread(speech_clips(limit), limit)
    with PulseServer() as pulse:
        plain = await path.by_client(said, _steps(progress, "a plain client", len(said)))
        ways = [
            way
            for mode in path.MODES
            for way in await path.by_daemon(pulse, mode, said, _steps(progress, f"the daemon, {mode}", len(said)))
        ]
        step = _steps(progress, "unplugged and plugged in", 2 * PLUGS)
        plugs: dict[str, list[float | None]] = {"loudspeaker": [], "microphone": []}
        for _ in range(PLUGS):
            plugs["loudspeaker"].append(await hotplug.loudspeaker(pulse))
            step()
            plugs["microphone"].append(await hotplug.microphone(pulse))
            step()
        overs = await echo.speech_over(pulse, server.url, clips, _steps(progress, "speech over replies", len(clips)))
        own = await echo.own_speech(
            pulse, server.url, minutes, lambda done_s: progress("its own speech, s", min(done_s, minutes * 60), minutes * 60)
        )
    return result(said, (plain, ways), plugs, (overs, own))


def _recordings(limit: int) -> list[Recording]:
    every = [one for each in default_recordings(limit=limit).values() for one in each]
    return spread([one for one in every if one.samples.size <= LONGEST_S * 16_000] or every, limit)


def _steps(progress: Progress, what: str, total: int) -> Callable[[], None]:
    done = 0
    progress(what, 0, total)

    def step() -> None:
        nonlocal done
        done += 1
        progress(what, done, total)

    return step


def result(
    said: Sequence[Recording],
    ways: tuple[Sequence[AudioPath], Sequence[AudioPath]],
    plugs: Mapping[str, Sequence[float | None]],
    echo: tuple[Sequence[Over], Mapping[str, Any]],
) -> dict[str, Any]:
    """The benchmark's figures."""
    plain, daemon = ways
    overs, own = echo
    base_ms = float(np.median([way.sum_ms for way in plain]))
    opened = [way for way in daemon if way.mode == "open"]
    return {
        "bench": "mic",
        "recordings": len(said),
        "not_arrived": len(path.MODES) * len(said) - len(daemon),
        "lost_at_start_ms": summary([way.lost_at_start_ms for way in daemon]),
        "lost_at_start": sum(way.lost_at_start_ms >= LONGEST_LOST_MS for way in daemon),
        "plain_client_ms": summary([way.sum_ms for way in plain]),
        "added_latency_ms": summary([way.sum_ms - base_ms for way in opened]),
        "in_ms": summary([way.in_ms for way in opened]),
        "out_ms": summary([way.out_ms for way in opened]),
        **own,
        "spoken_over": len(overs),
        "missed_interruptions": sum(not one.stopped for one in overs),
        "stop_ms": summary([one.stop_ms for one in overs if one.stop_ms is not None]),
        "recovery_s": {
            device: {**summary([s for s in seconds if s is not None], digits=2), "not": sum(s is None for s in seconds)}
            for device, seconds in plugs.items()
        },
        "each": [_rounded(row) for row in (*map(asdict, (*plain, *daemon)), *map(asdict, overs))],
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result as a table."""
    from rich.table import Table

    table = Table(title="the microphone daemon over PulseAudio")
    for heading in ("figure", "n", "p50", "p95", "max", "promise"):
        table.add_column(heading, justify="left" if heading in {"figure", "promise"} else "right")

    def add(name: str, one: Mapping[str, Any], promise: str = "") -> None:
        table.add_row(name, str(one["n"]), *(str(one.get(p, "-")) for p in ("p50", "p95", "max")), promise)

    add("lost at the start of speech, ms", found["lost_at_start_ms"], "0")
    add("plain client, there and back, ms", found["plain_client_ms"])
    add("added by the daemon, ms", found["added_latency_ms"], "p95 ≤ 60")
    add("   on the way in, ms", found["in_ms"])
    add("   on the way out, ms", found["out_ms"])
    add("speech over a reply stops it after, ms", found["stop_ms"])
    for device, one in found["recovery_s"].items():
        add(f"{device} back after, s", one, "≤ 2")
    people.print(table)
    people.print(
        f"{found['false_interruptions']} false interruptions in {found['minutes']} minutes of its own speech at -10 dB "
        f"(held for a moment: {found['holds']}); {found['missed_interruptions']} of {found['spoken_over']} real ones missed"
    )
    trouble = {key: found[key] for key in ("not_arrived", "underruns", "overruns", "lost_devices")}
    if any(trouble.values()):
        people.print("on the way: " + ", ".join(f"{key.replace('_', ' ')} {count}" for key, count in trouble.items()))
