"""``voice bench answers``: who answers right, how soon its own words are heard, how long it is silent, and what it costs.

Every conversation is one of its own with a real server in a process of its own, over a real WebSocket, with the real engines;
the client plays each reply to its end before it says the next thing. An arm is a way to answer: the small model alone, two
speeds, the cloud, the router. The cloud's model runs on this machine, too, so its answers are recorded in a pass that is not
measured, and played back at the pace that is asked for (:mod:`.paced_cloud`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from voice.bench import server as server_process
from voice.bench.answers.arms import PACED, ArmPlaces, chosen_arms, first_token_times, priced, server_settings
from voice.bench.answers.cases import AnswerCase, read_cases
from voice.bench.answers.converse import asked_straight, converse
from voice.bench.answers.figures import arm_figures
from voice.bench.answers.paced_cloud import AnswerPace, PacedCloud, paced
from voice.bench.answers.spoken import SpokenQuestion, spoken_questions
from voice.bench.answers.turns import AnsweredTurn
from voice.bench.failover.drafted import verifier
from voice.cloud.dev_server import StandIn, running
from voice.commands.common import Options
from voice.core.config import Config
from voice.core.cpu import cores
from voice.core.errors import ServerUnreachable
from voice.models import locate

LARGE = "llm-qwen2.5-coder-1.5b"
"""The cloud's model, unless another is named."""
STANDIN_TOKENS = 4096
GREEDY = {"temperature": 0.0}
"""What the assistant does not ask for and an endpoint decides: here the likeliest token, so that an answer can be repeated."""
TRIES = 3
"""So often is a conversation had, at most, until every answer of the cloud's in it comes at its pace."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class AnswersPlan:
    """What is to be measured.

    Attributes:
        first_token_ms: the cloud's, each a measurement of its own.
        repeat: so often is each conversation had in each arm.
        large: the cloud's model: a name of the manifest or a file.
    """

    cases: Sequence[AnswerCase]
    arms: Sequence[str]
    first_token_ms: Sequence[int]
    repeat: int = 1
    spoken: bool = False
    large: str = LARGE


def plan(
    manifest: Path | None, limit: int | None, arms: str, first_token_ms: str, *, repeat: int, spoken: bool, large: str
) -> AnswersPlan:
    """The plan that a command line asks for; ``arms`` and ``first_token_ms`` are comma-separated.

    Raises:
        ConfigError: an option or the manifest is not what it should be.
    """
    chosen, times = chosen_arms(arms), first_token_times(first_token_ms)
    return AnswersPlan(read_cases(manifest, limit=limit), chosen, times, repeat, spoken, large)


async def run(options: Options, config: Config, wanted: AnswersPlan, progress: Progress) -> dict[str, Any]:
    """Measure every arm of the plan, one after the other.

    ``options`` are the command line's, for the servers, and ``config`` is what they come to. ``progress`` is told the stage,
    how many of its conversations are done, and of how many.

    Raises:
        VoiceError: a model is not there, or a server does not start.
    """
    config = priced(config)
    if {"two", "hybrid-two"} & set(wanted.arms) and config.llm.large:
        locate(config.llm.large)  # it would be fetched in the middle of the measurement
    spoken = await spoken_questions(wanted.cases, config.tts) if wanted.spoken else None
    found: list[dict[str, Any]] = []
    async with AsyncExitStack() as helpers:
        runner = _Runner(options, config, wanted, spoken, progress)
        if {"large", *PACED} & set(wanted.arms):
            runner.standin = await helpers.enter_async_context(_standin(wanted.large))
            runner.cloud = await helpers.enter_async_context(paced(runner.standin.base_url, GREEDY))
        for arm in wanted.arms:
            found += await runner.measure(arm)
    return {
        "bench": "answers",
        "conversations": len(wanted.cases),
        "turns": sum(len(case.turns) for case in wanted.cases),
        "repeat": wanted.repeat,
        "spoken": wanted.spoken,
        "large_model": wanted.large,
        "arms": found,
    }


@asynccontextmanager
async def _standin(model: str) -> AsyncIterator[StandIn]:
    """The stand-in for the cloud, with all cores: it computes only while nothing is measured."""
    standin = StandIn(
        locate(model), "standin", port=server_process._free_port(), threads=cores(), context_tokens=STANDIN_TOKENS
    )
    with TemporaryDirectory(prefix="voice-bench-") as folder:
        async with running(standin, log=Path(folder) / "standin.log"):
            yield standin


class _Runner:
    """Runs the arms of one plan."""

    def __init__(
        self,
        options: Options,
        config: Config,
        plan: AnswersPlan,
        spoken: Mapping[str, SpokenQuestion] | None,
        progress: Progress,
    ) -> None:
        self.standin: StandIn | None = None
        self.cloud: PacedCloud | None = None
        self._options = options
        self._config = config
        self._plan = plan
        self._spoken = spoken
        self._progress = progress

    async def measure(self, arm: str) -> list[dict[str, Any]]:
        """An arm's figures, once for each pace where it has one."""
        if arm == "large" and self.standin is not None:
            return [self._figures(arm, await self._straight(self.standin))]
        if arm == "speculative":
            port = server_process._free_port()
            async with verifier(port, f'verifier.model="{self._plan.large}"') as url:
                places = ArmPlaces(verifier_url=url)
                return [self._figures(arm, await self._conversations(arm, places, arm, self._plan.repeat))]
        if arm not in PACED or self.cloud is None or self.standin is None:
            return [self._figures(arm, await self._conversations(arm, ArmPlaces(), arm, self._plan.repeat))]
        places = ArmPlaces(cloud_url=self.cloud.base_url, model=self.standin.name)
        self.cloud.pace = AnswerPace()
        await self._conversations(arm, places, f"{arm}, to record", 1, warm=True)
        found = []
        for first_ms in self._plan.first_token_ms:
            await self.cloud.idle()
            self.cloud.pace = AnswerPace(first_ms)
            turns = await self._conversations(arm, places, f"{arm}, {first_ms} ms", self._plan.repeat)
            found.append(self._figures(arm, turns, first_ms))
        return found

    async def _conversations(
        self, arm: str, places: ArmPlaces, stage: str, repeat: int, *, warm: bool = False
    ) -> list[AnsweredTurn]:
        overrides = (*self._options.overrides, *server_settings(arm, places, self._config, warm=warm))
        arguments = Options(self._options.config_file, overrides).arguments()
        turns: list[AnsweredTurn] = []
        cases, total = self._plan.cases, repeat * len(self._plan.cases)
        self._progress(stage, 0, total)
        async with _serving(arguments) as server:
            for done in range(total):
                round_, number = divmod(done, len(cases))
                turns += await self._conversation(server.url, number, round_, tries=1 if warm else TRIES)
                self._progress(stage, done + 1, total)
                if turns[-1].error and not _runs(server.process):
                    raise ServerUnreachable(f"the server of {stage} has ended: {turns[-1].error}")
        return turns

    async def _conversation(self, url: str, number: int, repeat: int, *, tries: int) -> list[AnsweredTurn]:
        """Have one, and once more as long as the stand-in had to compute for it: its answers are recorded by then."""
        turns: list[AnsweredTurn] = []
        for attempt in range(tries):
            if self.cloud is not None:
                await self.cloud.idle()  # what an earlier turn has left it to compute would slow this one
            turns = await converse(
                url,
                self._plan.cases[number],
                number,
                repeat=repeat,
                attempt=attempt,
                spoken=self._spoken,
                unpaced=self._unpaced,
            )
            if not any(turn.unpaced for turn in turns):
                break
        return turns

    async def _straight(self, standin: StandIn) -> list[AnsweredTurn]:
        turns: list[AnsweredTurn] = []
        cases, total = self._plan.cases, self._plan.repeat * len(self._plan.cases)
        for done in range(total):
            repeat, number = divmod(done, len(cases))
            turns += await asked_straight(standin.base_url, standin.name, cases[number], number, self._config, repeat=repeat)
            self._progress("large", done + 1, total)
        return turns

    def _unpaced(self) -> int:
        return 0 if self.cloud is None else self.cloud.unpaced

    def _figures(self, arm: str, turns: Sequence[AnsweredTurn], first_ms: int | None = None) -> dict[str, Any]:
        return arm_figures(arm, turns, first_ms, repeat=self._plan.repeat, currency=self._config.cost.currency)


def _runs(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


@asynccontextmanager
async def _serving(arguments: Sequence[str]) -> AsyncIterator[server_process.RunningServer]:
    """A server process; it is started and ended beside the event loop, on which the paced cloud answers it meanwhile."""
    with ExitStack() as started:
        server = await asyncio.to_thread(started.enter_context, server_process.own_server(arguments))
        try:
            yield server
        finally:
            await asyncio.to_thread(started.close)
