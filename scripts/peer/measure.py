"""The comparison: recording by recording every system in turn, then the figures of each and what they are to ours.

Only one system works at any moment: the next one's turn comes when the last one has nothing left to do. The order rotates
from recording to recording, so that a slow drift of the machine falls on all alike.
"""

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.peer.servers import OURS, System
from voice.bench.conversation import latency
from voice.bench.conversation.streaming import HeardReply, stream
from voice.bench.data.hesitation import HESITATION
from voice.bench.data.recordings import Recording
from voice.bench.report import summary
from voice.core.errors import ServerUnreachable

Outcomes = dict[str, dict[str, list[HeardReply]]]
"""By system, then by set of recordings."""
Progress = Callable[[str, HeardReply], None]
QUANTILES = ("p50", "p90", "p95")


def rotated(systems: Sequence[System], by: int) -> list[System]:
    """The systems in the order for the recording number ``by``."""
    start = by % len(systems)
    return [*systems[start:], *systems[:start]]


async def compare(systems: Sequence[System], sets: Mapping[str, Sequence[Recording]], progress: Progress) -> dict[str, Any]:
    """Stream every recording into every system and summarise what was heard.

    Raises:
        ServerUnreachable: a system does not take its client, or died.
    """
    heard: Outcomes = {system.name: {name: [] for name in sets} for system in systems}
    cpu_s = {system.name: 0.0 for system in systems}
    first = next(recording for recordings in sets.values() for recording in recordings)
    for system in systems:
        await _one(system, first)  # the first inference of a process is slower: it does not count
    number = 0
    for name, recordings in sets.items():
        for recording in recordings:
            for system in rotated(systems, number):
                outcome, used_s = await _one(system, recording)
                heard[system.name][name].append(outcome)
                cpu_s[system.name] += used_s
                progress(system.name, outcome)
            number += 1
    figures = {one.name: _figures(heard[one.name], cpu_s=cpu_s[one.name], rss_mib=one.rss_mib()) for one in systems}
    by_set = {name: against_by_own_words(heard, name) for name in sets}
    return {"systems": figures, "against_voice": against(heard), "against_voice_by_set": by_set}


async def _one(system: System, recording: Recording) -> tuple[HeardReply, float]:
    """What one system made of one recording, and the CPU seconds that it took for it."""
    await system.ready()
    before_s = system.cpu_s()
    try:
        outcome = await stream(system.url, recording, hello=system.hello)
    except OSError as error:
        raise ServerUnreachable(f"{system.name} takes no client at {system.url}: {error}") from error
    used_s = system.cpu_s() - before_s
    await asyncio.sleep(0.2)  # the connection is forgotten
    await system.quiet()
    return outcome, used_s


def _figures(heard: Mapping[str, Sequence[HeardReply]], *, cpu_s: float, rss_mib: float) -> dict[str, Any]:
    found = latency.result(heard, cpu_s=cpu_s, rss_mib=rss_mib)
    del found["bench"]
    return {"unanswered": found["utterances"] - found["answered"], **found}


def against(heard: Outcomes) -> dict[str, Any]:
    """How many times as long as ours each other system takes to its first sound, without the hesitation set.

    ``p50``, ``p90``, ``p95``: quotients of the quantiles. ``paired_p50``: the median of the quotients of each recording that
    both answered. Empty when ours was not measured.
    """
    if OURS not in heard:
        return {}
    ours = _latencies(heard[OURS])
    return {name: _times(ours, _latencies(sets)) for name, sets in heard.items() if name != OURS}


def against_by_own_words(heard: Outcomes, name: str) -> dict[str, Any]:
    """The same in one set of recordings, to the first own words of the replies."""
    if OURS not in heard:
        return {}
    own = {
        system: {one.name: ms for one in sets.get(name, ()) if (ms := one.own_words_ms) is not None}
        for system, sets in heard.items()
    }
    return {system: _times(own[OURS], latencies) for system, latencies in own.items() if system != OURS}


def _latencies(sets: Mapping[str, Sequence[HeardReply]]) -> dict[str, float]:
    outcomes = [one for name, recordings in sets.items() if name != HESITATION for one in recordings]
    return {one.name: one.voice_to_voice_ms for one in outcomes if one.voice_to_voice_ms is not None}


def _times(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float | None]:
    both = ours.keys() & theirs.keys()
    if not both:
        return {**dict.fromkeys(QUANTILES), "paired_p50": None}
    own, other = summary(list(ours.values())), summary(list(theirs.values()))
    times: dict[str, float | None] = {quantile: round(other[quantile] / own[quantile], 2) for quantile in QUANTILES}
    times["paired_p50"] = round(statistics.median(theirs[name] / ours[name] for name in both), 2)
    return times
