"""``voice bench bargein``: how soon real speech stops a reply, and how often echo and noise stop it wrongly.

Strategy: every clip has a connection of its own to a server process. A typed turn asks for a long answer; once that has been
audible for a second, the clip is streamed in real time over it, then silence until the verdict must be there. Speech counts
from its first voiced sample, at the moment when that sample was due, to the arrival of ``clear``. Echo and noise count as
false barge-ins when they end the reply; a reply that was only held and went on is counted apart. Without the data folder there
is no echo and no noise, and the result says so.
"""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.audio.voiced import first_audible
from voice.bench.conversation.latency import HELLO, percent, share
from voice.bench.conversation.streaming import FRAME_MS
from voice.bench.data.clips import Clip, clips
from voice.bench.data.recordings import DATA
from voice.bench.report import summary
from voice.bench.server import RunningServer
from voice.core.interfaces import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from rich.console import Console

TALKING_S: Final = (1.0, 1.5)
"""The clip begins so long after the reply's first audible audio, at random, so as to meet any phase of the reply."""
SETTLE_S: Final = 2.0
"""Silence after the clip, in which a sound that is still weighed gets its verdict."""
REPLY_WITHIN_S: Final = 15.0
ASKS: Final = (
    "Tell me a long story about a dog and a cat.",
    "Explain in detail how bread is made, step by step.",
    "Describe a long journey through the mountains.",
)
"""One after the other, where a reply ended before the clip did."""
_FRAME_BYTES: Final = 2 * SAMPLE_RATE_HZ * FRAME_MS // 1000
_ENDS: Final = frozenset({"completed", "interrupted", "failed", "nothing_said", "session_closed"})


@dataclass(frozen=True, slots=True)
class Noted:
    """What the server said, and when: seconds since the clip's first sample was due."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class BargeInOutcome:
    """What a clip did to the reply.

    Attributes:
        speech: whether it should have stopped it.
        interrupted: whether the reply ended, or was taken back, because of it.
        stop_ms: speech only: from the onset until the reply first fell silent; 0 when it was silent already.
        end_ms: speech only: from the onset until the server said that the reply is over.
        held_ms: silences after which the reply went on or, at the end, still waited, summed.
        holds: how often the reply was held and not ended by it.
    """

    name: str
    group: str
    speech: bool
    interrupted: bool
    stop_ms: float | None
    end_ms: float | None
    held_ms: float
    holds: int


def judge(clip: Clip, noted: Sequence[Noted]) -> BargeInOutcome:
    """What became of the reply under ``clip``, from what was noted since the clip began, in order of time."""
    end_s = next((one.at_s for one in noted if one.what in {"interrupted", "turn_reopened"}), None)
    holds = _holds([one for one in noted if end_s is None or one.at_s <= end_s], end_s)
    stop_ms = end_ms = None
    if clip.onset_s is not None:
        clears = [one.at_s for one in noted if one.what == "clear"]
        # A reply held or ended by a breath just before the onset was silent when the speech began.
        silent = any(begin <= clip.onset_s < end for begin, end in holds) or _silent_for_good(noted, clip.onset_s)
        after = [at_s for at_s in clears if at_s >= clip.onset_s]
        stop_ms = 0.0 if silent else (after[0] - clip.onset_s) * 1000 if after else None
        end_ms = None if end_s is None else (end_s - clip.onset_s) * 1000
    lost = holds if end_s is None else [hold for hold in holds if hold[1] < end_s]
    held_ms = sum(end - begin for begin, end in lost) * 1000
    return BargeInOutcome(
        clip.name, clip.group, clip.onset_s is not None, end_s is not None, stop_ms, end_ms, held_ms, len(lost)
    )


def _holds(noted: Sequence[Noted], end_s: float | None) -> list[tuple[float, float]]:
    """When the reply was held; the last hold may last until the reply's end or the end of the notes."""
    found: list[tuple[float, float]] = []
    since_s = None
    for one in noted:
        if one.what == "pause":
            since_s = one.at_s
        elif one.what == "resume" and since_s is not None:
            found.append((since_s, one.at_s))
            since_s = None
    if since_s is not None:
        found.append((since_s, noted[-1].at_s if end_s is None else end_s))
    return found


def _silent_for_good(noted: Sequence[Noted], onset_s: float) -> bool:
    return any(one.what in {"interrupted", "turn_reopened"} and one.at_s < onset_s for one in noted)


# --- the conversation --------------------------------------------------------------------------------------------------------


class _Talk:
    """One connection: a user who types, is silent, and then makes the clip's sound over the reply."""

    def __init__(self, socket: ClientConnection, clip: Clip, wait_s: float) -> None:
        self._socket = socket
        self._wait_s = wait_s
        self._pcm = pcm16_from_float(clip.samples)
        self._pcm_s = clip.samples.size / SAMPLE_RATE_HZ
        self._sounding_s: float | None = None
        self._ended: str | None = None
        self._clip_s: float | None = None
        self._noted: list[Noted] = []

    async def run(self, ask: str) -> list[Noted] | None:
        """Ask, and make the sound over the reply; ``None`` when the reply did not last for it."""
        self._sounding_s = self._ended = self._clip_s = None
        self._noted = []
        await self._socket.send(json.dumps({"type": "text", "text": ask}))
        await self._stream()
        return self._noted if self._lasted() else None

    def _lasted(self) -> bool:
        return self._clip_s is not None and self._ended in {None, "interrupted", "turn_reopened"}

    async def _stream(self) -> None:
        """Silence, the clip, silence; paced by absolute times so that no delay adds up."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for index in count():
            due_s = began_s + index * FRAME_MS / 1000
            if self._clip_s is None and self._sounding_s is not None and due_s >= self._sounding_s + self._wait_s:
                self._clip_s = due_s
            frame = self._frame(due_s)
            await asyncio.sleep(max(0.0, due_s + FRAME_MS / 1000 - loop.time()))
            await self._socket.send(frame + bytes(_FRAME_BYTES - len(frame)))
            if self._ended is not None or (self._sounding_s is None and due_s > began_s + REPLY_WITHIN_S):
                return
            if self._clip_s is not None and due_s > self._clip_s + self._pcm_s + SETTLE_S:
                self._noted.append(Noted(due_s - self._clip_s, "listened"))
                return

    def _frame(self, due_s: float) -> bytes:
        """What of the clip is due; less than a frame, or nothing, where it is not under way."""
        if self._clip_s is None:
            return b""
        at = round((due_s - self._clip_s) * 1000 / FRAME_MS) * _FRAME_BYTES
        return self._pcm[at : at + _FRAME_BYTES]

    async def listen(self) -> None:
        """Note what comes until the connection ends."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionClosed):
            async for message in self._socket:
                at_s = loop.time()
                if isinstance(message, bytes):
                    if self._sounding_s is None and first_audible(float_from_pcm16(message)) is not None:
                        self._sounding_s = at_s
                    continue
                said = json.loads(message)
                what = said["reason"] if said["type"] == "reply_ended" else said["type"]
                if self._clip_s is not None:
                    self._noted.append(Noted(at_s - self._clip_s, what))
                if what in _ENDS or what == "turn_reopened":
                    self._ended = what
        self._ended = self._ended or "session_closed"


async def talk_over(url: str, clip: Clip, wait_s: float) -> BargeInOutcome | None:
    """Make one clip's sound over a reply; ``None`` when no reply lasted as long as the clip.

    Args:
        url: a server of the plain PCM protocol.
        clip: the sound.
        wait_s: from the reply's first audible audio to the clip's first sample.

    Raises:
        OSError: the server cannot be reached.
    """
    async with connect(url, compression=None, max_size=None) as socket:
        await socket.send(json.dumps(HELLO))
        talk = _Talk(socket, clip, wait_s)
        listening = asyncio.create_task(talk.listen(), name="listen")
        noted = None
        try:
            with suppress(ConnectionClosed):
                for ask in ASKS:
                    if (noted := await talk.run(ask)) is not None:
                        break
                await socket.send('{"type":"bye"}')
        finally:
            await socket.close()
            await listening
    return None if noted is None else judge(clip, noted)


# --- the result --------------------------------------------------------------------------------------------------------------


async def measure(
    server: RunningServer, *, limit: int | None, seed: int, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Make every clip's sound over a reply, one after the other.

    Args:
        server: the process that is measured.
        limit: at most so many clips of each set.
        seed: of the choice of clips and of when in the reply they begin.
        progress: called with how many clips are done, of how many.
    """
    every = await asyncio.to_thread(clips, limit=limit, seed=seed)
    rng = random.Random(seed)  # noqa: S311
    outcomes: list[BargeInOutcome] = []
    for done, clip in enumerate(every):
        progress(done, len(every))
        if (outcome := await talk_over(server.url, clip, rng.uniform(*TALKING_S))) is not None:
            outcomes.append(outcome)
        await asyncio.sleep(0.2)  # the server forgets the connection
    progress(len(every), len(every))
    return result(outcomes, without_reply=len(every) - len(outcomes))


def result(outcomes: Sequence[BargeInOutcome], *, without_reply: int) -> dict[str, Any]:
    """The benchmark's figures; ``sets`` has them for each set."""
    groups = {one.group: [each for each in outcomes if each.group == one.group] for one in outcomes}
    note = None
    if all(one.speech for one in outcomes):
        note = f"no echo or noise was played ({DATA} holds none): there is no false barge-in rate"
    return {
        "bench": "bargein",
        **figures(outcomes),
        "without_reply": without_reply,
        "note": note,
        "sets": {name: figures(group) for name, group in groups.items()},
        "each": [_rounded(one) for one in outcomes],
    }


def figures(outcomes: Sequence[BargeInOutcome]) -> dict[str, Any]:
    """Stops of the speech and false stops of the rest; ``None`` or ``{"n": 0}`` where there is nothing to count."""
    speech = [one for one in outcomes if one.speech]
    others = [one for one in outcomes if not one.speech]
    return {
        "clips": len(outcomes),
        "stop_ms": summary([one.stop_ms for one in speech if one.stop_ms is not None]),
        "end_ms": summary([one.end_ms for one in speech if one.end_ms is not None]),
        "missed": share([not one.interrupted for one in speech]),
        "resumed_over_speech": share([one.holds > 0 for one in speech]),
        "false_barge_in_rate": share([one.interrupted for one in others]),
        "held_rate": share([one.holds > 0 and not one.interrupted for one in others]),
        "held_ms": summary([one.held_ms for one in others if one.holds]),
    }


def _rounded(one: BargeInOutcome) -> dict[str, Any]:
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in asdict(one).items()}


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result as a table."""
    from rich.table import Table

    table = Table(title="barge-in: speech stops the reply (ms after its onset); echo and noise should not")
    for heading in ("set", "clips", "p50", "p90", "p95", "p99", "missed", "false barge-ins", "only held"):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    for name, one in {**found["sets"], "all": found}.items():
        table.add_row(
            name,
            str(one["clips"]),
            *(str(one["stop_ms"].get(p, "-")) for p in ("p50", "p90", "p95", "p99")),
            *(percent(one[key]) for key in ("missed", "false_barge_in_rate", "held_rate")),
        )
    people.print(table)
    if found["without_reply"]:
        people.print(f"{found['without_reply']} clips were left out: no reply lasted as long as they did")
    if found["note"]:
        people.print(found["note"])
