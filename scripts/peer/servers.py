"""The servers under test as processes of their own: ours, Pipecat in its set-ups, and the model server that Pipecat asks."""

import asyncio
import contextlib
import os
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.peer import environment, given
from voice.bench.conversation.latency import HELLO
from voice.bench.server import own_server
from voice.core.config import Config
from voice.core.errors import ServerUnreachable
from voice.core.openmp import SPINS
from voice.llm.sampling import sampling
from voice.models import chat_settings, locate

OURS = "voice"
PEERS = {"pipecat-default": "default", "pipecat-tuned": "tuned"}
"""The peer's systems and the name of each one's set-up in ``pipecat_server.py``."""
START_S = 120.0
QUIET_S = 0.25
QUIET_SHARE = 0.1
QUIET_WITHIN_S = 20.0
PROGRAM = Path(__file__).with_name("pipecat_server.py")


async def _always() -> None:
    """A server that is ready for the next client as it is."""


@dataclass(frozen=True, slots=True)
class System:
    """One system under test.

    Attributes:
        url: its WebSocket address.
        hello: what a client says first, where the system takes it.
        processes: everything that works for it.
        ready: returns when it takes the next client; raises ``ServerUnreachable`` when it has died.
    """

    name: str
    url: str
    processes: tuple[psutil.Process, ...]
    hello: Mapping[str, object] | None = None
    ready: Callable[[], Awaitable[None]] = _always

    def cpu_s(self) -> float:
        """CPU seconds used so far by all of its processes."""
        return float(sum(sum(process.cpu_times()[:2]) for process in self.processes))  # user and system

    def rss_mib(self) -> float:
        """Resident memory of all of its processes."""
        return float(sum(process.memory_info().rss for process in self.processes)) / 2**20

    async def quiet(self) -> None:
        """Return when it has finished what the last client left it, so that it does not disturb the next system."""
        deadline_s = time.monotonic() + QUIET_WITHIN_S
        while time.monotonic() < deadline_s:
            before_s, at_s = self.cpu_s(), time.monotonic()
            await asyncio.sleep(QUIET_S)
            if self.cpu_s() - before_s < QUIET_SHARE * (time.monotonic() - at_s):
                return
        raise ServerUnreachable(f"{self.name} still computes {QUIET_WITHIN_S:.0f} s after its client left")


@asynccontextmanager
async def running(names: Sequence[str], config: Config, overrides: Sequence[str], logs: Path) -> AsyncIterator[list[System]]:
    """Start the systems called ``names``, in this order; all are stopped at the end.

    Args:
        names: of :data:`OURS` and :data:`PEERS`.
        config: the effective settings, from which the peers get their models, prompt and sampling.
        overrides: the ``section.key=value`` settings that led to it, for our server.
        logs: a folder for what the peers' servers say.

    Raises:
        ServerUnreachable: one did not come up.
    """
    async with AsyncExitStack() as stack:
        systems: list[System] = []
        for name in names:
            if name == OURS:
                server = stack.enter_context(own_server([word for one in overrides for word in ("--set", one)]))
                systems.append(System(name, server.url, (server.process,), HELLO))
                continue
            llm = await stack.enter_async_context(_model_server(name, config, logs))
            systems.append(await stack.enter_async_context(_pipecat(name, config, llm, logs)))
        yield systems


@asynccontextmanager
async def _model_server(name: str, config: Config, logs: Path) -> AsyncIterator[tuple[str, psutil.Process]]:
    """llama-cpp-python's OpenAI-compatible server, one for each peer, with our model and as many threads as we use."""
    port = _free_port()
    threads = str(config.llm.threads or min(_cores(), 8))
    arguments = ["-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", str(port), "--model", str(locate(config.llm.model))]
    arguments += ["--n_threads", threads, "--n_threads_batch", threads, "--n_ctx", str(config.llm.context_tokens)]
    log = logs / f"{name}-model-server.log"
    async with _process(name, [*arguments, "--verbose", "false"], log) as process:
        url = f"http://127.0.0.1:{port}/v1"
        deadline_s = time.monotonic() + START_S
        while not await asyncio.to_thread(_answers, f"{url}/models"):
            if process.returncode is not None or time.monotonic() > deadline_s:
                raise ServerUnreachable(f"the model server of {name} did not come up: {_last_words(log)}")
            await asyncio.sleep(0.1)
        yield url, psutil.Process(process.pid)


@asynccontextmanager
async def _pipecat(name: str, config: Config, llm: tuple[str, psutil.Process], logs: Path) -> AsyncIterator[System]:
    port, log = _free_port(), logs / f"{name}.log"
    arguments = [str(PROGRAM), "--setup", PEERS[name], "--port", str(port), "--llm", llm[0]]
    whisper = locate(config.asr.model)
    arguments += ["--whisper", str(whisper if whisper.is_dir() else whisper.parent), "--voice", str(locate(config.tts.model))]
    chosen = sampling(config.llm, chat_settings(config.llm.model))
    arguments += ["--prompt", config.llm.system_prompt, "--temperature", str(chosen.temperature)]
    arguments += ["--max-tokens", str(config.llm.max_reply_tokens)]
    async with _process(name, arguments, log, talks=True) as process:
        words = process.stdout
        if words is None:
            raise AssertionError("a process that talks has an output")

        async def ready() -> None:
            try:
                line = await asyncio.wait_for(words.readline(), START_S)
            except TimeoutError:
                line = b""
            if line.strip() != b"ready":
                raise ServerUnreachable(f"{name} takes no client: {line.decode(errors='replace')} {_last_words(log)}")

        yield System(name, f"ws://127.0.0.1:{port}/", (psutil.Process(process.pid), llm[1]), None, ready)


@asynccontextmanager
async def _process(
    name: str, arguments: Sequence[str], log: Path, *, talks: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process of the peer's environment; what it says goes to ``log``, or its output to the caller if it talks."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            str(environment.PYTHON),
            *arguments,
            stdout=asyncio.subprocess.PIPE if talks else file,
            stderr=file,
            env=variables(name),
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


def variables(name: str) -> dict[str, str]:
    """A peer's environment variables: as given for the defaults; with what voice sets for itself (OpenMP) when tuned."""
    return {"GOMP_SPINCOUNT": SPINS, **os.environ} if PEERS[name] == "tuned" else dict(given.ENVIRONMENT)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
