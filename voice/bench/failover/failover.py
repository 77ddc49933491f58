"""``voice bench failover``: edge and cloud together, while the network and the cloud fail in every way they can.

The cloud is a real engine (``voice cloud``'s) behind :mod:`.http_faults`. Recordings are spoken in real time and
questions are typed, each to the end of its reply; audio is counted as a client would play it. Private utterances come last:
every byte that went to the cloud is searched for them.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from voice.audio.voiced import first_audible
from voice.bench.data.recordings import Recording, default_recordings, spread
from voice.bench.failover.http_faults import FaultProxy, HttpFault, HttpFaultSchedule, NetworkPath, proxied
from voice.bench.failover.leaks import leaked
from voice.bench.failover.sent import readings
from voice.bench.report import summary
from voice.bench.router.private import by_hand, fresh
from voice.client import ReceivedAudio, VoiceClient
from voice.cloud.dev_server import StandIn, running
from voice.core.config import Config
from voice.core.interfaces import SAMPLE_RATE_HZ
from voice.models import locate
from voice.protocol import messages as m

if TYPE_CHECKING:
    from rich.console import Console

    from voice.server.websocket import VoiceServer

QUESTIONS = (
    "Explain how a rainbow is made.",
    "Why did the Roman empire fall?",
    "Tell me a story about a lighthouse.",
    "What are the arguments for and against nuclear power?",
    "Compare cats and dogs as pets.",
    "How does a refrigerator keep things cold?",
    "Give me a plan for learning the piano.",
    "What would happen if the moon were gone?",
)
REPLY_WITHIN_S = 60.0
FRAME_S = 0.02
TURNS_A_CONVERSATION = 4
REPLY_TOKENS = 16
"""An opening and a clause or two behind it, so that a turn takes about six seconds and has a seam."""
MOST_HEALTHY = 40
Progress = Callable[[str], None]
Host = Callable[[Config], Any]


@dataclass(slots=True)
class FailoverOutcome:
    """What one turn brought, as its client heard it.

    Attributes:
        first_audio_ms: from the last voiced sample, or from the typed text, to the first audible sample.
        silence_ms: the longest silence inside the reply.
    """

    spoken: bool
    fault: str
    first_audio_ms: float | None = None
    silence_ms: float = 0.0
    completed: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)


class FailoverListener:
    """Takes everything that a server sends and knows how it would have been played."""

    def __init__(self, client: VoiceClient) -> None:
        self._client = client
        self._turns: asyncio.Queue[None] = asyncio.Queue(64)  # a turn is waited for before the next begins
        self.begin()

    def begin(self) -> None:
        """A new turn."""
        self.first_audible_s: float | None = None
        self.silence_s = 0.0
        self.reason = ""
        self.record: Mapping[str, Any] = {}
        self._played_until_s: float | None = None

    async def run(self) -> None:
        """Listen until the connection ends."""
        async for message in self._client:
            match message:
                case ReceivedAudio(samples, at_s):
                    self._audio(samples, at_s)
                case m.Clear():
                    self._played_until_s = None
                case m.ReplyEndedMessage(reason=reason):
                    self.reason = reason
                case m.Trace(record=record):
                    self.record = record
                    self._turns.put_nowait(None)
                case _:
                    pass

    async def ended(self) -> bool:
        """Wait for the end of the turn; false when it does not come."""
        try:
            async with asyncio.timeout(REPLY_WITHIN_S):
                await self._turns.get()
        except TimeoutError:
            return False
        return True

    def _audio(self, samples: Any, at_s: float) -> None:
        if self.first_audible_s is None:
            if (first := first_audible(samples)) is None:
                return
            self.first_audible_s = at_s + first / self._client.rate_hz
        if self._played_until_s is not None:
            self.silence_s = max(self.silence_s, at_s - self._played_until_s)
        self._played_until_s = max(at_s, self._played_until_s or 0.0) + len(samples) / self._client.rate_hz


async def run(host: Host, config: Config, *, turns: int, private: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Measure ``turns`` turns with faults, half as many without (40 at most), and so many ``private`` utterances.

    ``host`` runs a server with the settings that it is given in this process: an asynchronous context manager.
    """
    model = locate(config.llm.model)
    standin = StandIn(model, "standin", port=_free_port(), threads=1, context_tokens=2048)
    schedule = HttpFaultSchedule(seed, most_events=REPLY_TOKENS)
    outcomes: list[FailoverOutcome] = []
    async with (
        running(standin),
        proxied(standin.host, standin.port, schedule, seed=seed) as proxy,
        host(_with_cloud(config, proxy)) as server,
    ):
        before = asyncio.all_tasks()
        recordings = _recordings(turns, seed)
        for what, count in (("healthy", healthy(turns)), ("faults", turns)):
            schedule.healthy = what == "healthy"
            proxy.line = NetworkPath(80, 10) if schedule.healthy else NetworkPath(80, 20, 0.01)
            outcomes += await _turns(server, what, count, recordings, progress)
        recovered = await _recovery(server, schedule, proxy, progress)
        sent = len(proxy.sent)
        outside, tried = await _private(server, proxy, private, seed, progress, config.llm.system_prompt)
        await asyncio.sleep(1.0)
        hung = [task.get_name() for task in asyncio.all_tasks() - before]
    return result(outcomes, proxy, recovered) | {
        "private_values_leaked": outside,
        "private_utterances": tried,
        "bytes_to_the_cloud": sent,
        "hung_tasks": sum(not name.startswith("Task-") for name in hung),  # ours have names
        "seed": seed,
    }


def healthy(turns: int) -> int:
    """How many turns without faults are measured beside so many with."""
    return min(turns // 2, MOST_HEALTHY)


def _with_cloud(config: Config, proxy: FaultProxy) -> Config:
    cloud = msgspec.structs.replace(
        config.cloud, enabled=True, base_url=proxy.base_url, model="standin", continues="assistant", max_tokens=REPLY_TOKENS
    )
    route = msgspec.structs.replace(config.route, mode="cloud")
    llm = msgspec.structs.replace(config.llm, max_reply_tokens=REPLY_TOKENS)
    server = msgspec.structs.replace(config.server, host="127.0.0.1", port=0)
    cost = msgspec.structs.replace(config.cost, ledger="off")
    return msgspec.structs.replace(config, cloud=cloud, route=route, llm=llm, server=server, cost=cost)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _recordings(turns: int, seed: int) -> list[Recording]:
    """Short ones, without pauses of their own: what is measured here is the reply."""
    every = [one for recordings in default_recordings().values() for one in recordings if not one.pauses]
    short = sorted(every, key=lambda one: one.samples.size)[: max(8, len(every) // 2)]
    random.Random(seed).shuffle(short)  # noqa: S311 - not a secret
    return spread(short, max(1, turns // 2))


async def _turns(
    server: "VoiceServer", what: str, count: int, recordings: Sequence[Recording], progress: Progress
) -> list[FailoverOutcome]:
    """So many turns, spoken and typed by turns, a few to a conversation."""
    found: list[FailoverOutcome] = []
    for start in range(0, count, TURNS_A_CONVERSATION):
        async with _conversation(server) as (client, listener):
            for number in range(start, min(count, start + TURNS_A_CONVERSATION)):
                spoken = number % 2 == 0
                begun_s = (
                    await _speak(client, listener, recordings[number // 2 % len(recordings)])
                    if spoken
                    else await _type(client, listener, QUESTIONS[number // 2 % len(QUESTIONS)])
                )
                outcome = FailoverOutcome(spoken, what, completed=listener.reason == "completed", record=listener.record)
                if listener.first_audible_s is not None:
                    outcome.first_audio_ms = (listener.first_audible_s - begun_s) * 1000
                outcome.silence_ms = listener.silence_s * 1000
                found.append(outcome)
                progress(what)
    return found


@asynccontextmanager
async def _conversation(server: "VoiceServer") -> AsyncIterator[tuple[VoiceClient, FailoverListener]]:
    async with VoiceClient(server.url, trace=True) as client:
        listener = FailoverListener(client)
        listening = asyncio.create_task(listener.run(), name="bench listener")
        try:
            yield client, listener
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _type(client: VoiceClient, listener: FailoverListener, text: str) -> float:
    """Type a turn, wait for the end of its reply, and give the time at which it was typed."""
    listener.begin()
    typed_s = client.clock.now_s()
    await client.send_text(text)
    await listener.ended()
    return typed_s


async def _speak(client: VoiceClient, listener: FailoverListener, one: Recording) -> float:
    """Speak a turn in real time, be silent until its reply has ended, and give the time of its last voiced sample."""
    listener.begin()
    began_s = client.clock.now_s()
    step = int(FRAME_S * SAMPLE_RATE_HZ)
    audio = np.pad(one.samples, (0, -one.samples.size % step))
    ended = asyncio.create_task(listener.ended(), name="bench wait")
    number = 0
    try:
        while not ended.done():
            number += 1
            await asyncio.sleep(max(0.0, began_s + number * FRAME_S - client.clock.now_s()))
            frame = audio[(number - 1) * step : number * step]
            await client.send_audio(frame if frame.size else np.zeros(step, np.float32))
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
    return began_s + one.speech_end_s


async def _recovery(
    server: "VoiceServer", schedule: HttpFaultSchedule, proxy: FaultProxy, progress: Progress
) -> dict[str, Any]:
    """Let the cloud be gone for two turns, and count the turns until it is used again."""
    proxy.line = NetworkPath(40)
    schedule.only, schedule.healthy = HttpFault.REFUSED, False
    async with _conversation(server) as (client, listener):
        for question in QUESTIONS[:2]:
            await _type(client, listener, question)
            progress("recovery")
        schedule.only, schedule.healthy = None, True
        for turn, question in enumerate(QUESTIONS[2:6], 1):
            await _type(client, listener, question)
            progress("recovery")
            if listener.record.get("tier") == "cloud":
                return {"turns_until_the_cloud_is_used_again": turn}
    return {"turns_until_the_cloud_is_used_again": None}


async def _private(
    server: "VoiceServer", proxy: FaultProxy, count: int, seed: int, progress: Progress, system_prompt: str
) -> tuple[int, int]:
    """Type private utterances, each with ordinary turns behind it, and search what went out for pieces of them."""
    proxy.line = NetworkPath()
    cases = [case.text for case in (*by_hand(), *fresh()) if case.private]
    random.Random(seed).shuffle(cases)  # noqa: S311 - not a secret
    cases = cases[:count]
    began = len(proxy.sent)
    for text in cases:
        async with _conversation(server) as (client, listener):
            for said in (text, QUESTIONS[0], QUESTIONS[1]):
                await _begin_to_answer(client, listener, said)
            progress("private")
    return len(leaked(cases, readings(bytes(proxy.sent[began:])), (*QUESTIONS, system_prompt))), len(cases)


async def _begin_to_answer(client: VoiceClient, listener: FailoverListener, text: str) -> None:
    """Type a turn and listen only to its first second: the next one interrupts it."""
    listener.begin()
    await client.send_text(text)
    for _ in range(200):
        await asyncio.sleep(0.02)
        if listener.first_audible_s is not None:
            break
    await asyncio.sleep(0.3)


def result(outcomes: Sequence[FailoverOutcome], proxy: FaultProxy, recovered: Mapping[str, Any]) -> dict[str, Any]:
    """The benchmark's figures."""
    faulty = [one for one in outcomes if one.fault == "faults"]
    return {
        "bench": "failover",
        "turns": len(faulty),
        **figures(faulty),
        "healthy": figures([one for one in outcomes if one.fault == "healthy"]),
        "faults": {str(kind): count for kind, count in sorted(proxy.struck.items())},
        "requests": proxy.requests,
        **recovered,
        "each": [
            {
                "spoken": one.spoken,
                "fault": one.fault,
                "first_audio_ms": one.first_audio_ms and round(one.first_audio_ms, 1),
                "silence_ms": round(one.silence_ms, 1),
                "completed": one.completed,
                "tier": one.record.get("tier"),
                "filler": bool(one.record.get("filler")),
                "offsets_ms": one.record.get("offsets_ms"),
                "cloud": one.record.get("cloud"),
            }
            for one in outcomes
        ],
    }


def figures(outcomes: Sequence[FailoverOutcome]) -> dict[str, Any]:
    """Latency, completeness and silence of some turns."""
    first = {spoken: [one.first_audio_ms for one in outcomes if one.spoken is spoken] for spoken in (True, False)}
    answered = [one.completed and one.first_audio_ms is not None for one in outcomes]
    return {
        "voice_to_voice_ms": summary([ms for ms in first[True] if ms is not None]),
        "typed_to_voice_ms": summary([ms for ms in first[False] if ms is not None]),
        "answered_share": round(sum(answered) / len(answered), 4) if answered else None,
        "longest_silence_ms": round(max((one.silence_ms for one in outcomes), default=0.0), 1),
        "silence_ms": summary([one.silence_ms for one in outcomes]),
        "filler_share": round(sum(bool(one.record.get("filler")) for one in outcomes) / len(outcomes), 4) if outcomes else None,
        "answered_by_the_cloud": sum(one.record.get("tier") == "cloud" for one in outcomes),
    }


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result as a table."""
    from rich.table import Table

    table = Table(title="edge and cloud together (ms)")
    for heading in ("", "spoken p50", "p95", "typed p50", "p95", "answered", "by the cloud", "fillers", "longest silence"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, one in (("healthy", found["healthy"]), (f"faults, {found['turns']} turns", found)):
        spoken, typed = one["voice_to_voice_ms"], one["typed_to_voice_ms"]
        share = "-" if one["answered_share"] is None else f"{one['answered_share']:.1%}"
        table.add_row(
            name,
            *(str(figures.get(p, "-")) for figures in (spoken, typed) for p in ("p50", "p95")),
            *(share, str(one["answered_by_the_cloud"])),
            "-" if one["filler_share"] is None else f"{one['filler_share']:.0%}",
            str(one["longest_silence_ms"]),
        )
    people.print(table)
    people.print(f"faults: {found['faults']}")
    people.print(
        f"private: {found['private_values_leaked']} of {found['private_utterances']} utterances left the device; "
        f"hung tasks: {found['hung_tasks']}; "
        f"the cloud is used again at turn {found['turns_until_the_cloud_is_used_again']} after it is back"
    )
