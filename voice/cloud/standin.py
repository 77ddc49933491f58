"""A cloud for one machine: llama-cpp-python's own OpenAI-compatible server, as a child process.

A real engine behind a real socket, so that nothing about the cloud tier has to be imitated to try it, measure it or test it.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voice.errors import CloudError, ConfigError

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
START_S = 120.0
STOP_S = 5.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class StandIn:
    """What to run.

    Attributes:
        key: clients must present it; empty for none, which only loopback may do without.
        threads: of the model; 0 for half of the cores, since the assistant needs the others.
    """

    model: Path
    name: str
    host: str = "127.0.0.1"
    port: int = 8766
    key: str = ""
    threads: int = 0
    context_tokens: int = 4096

    @property
    def base_url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    def settings(self) -> str:
        """The settings of the assistant that uses it, as TOML."""
        return (
            f'[cloud]\nenabled = true\nbase_url = "{self.base_url}"\nmodel = "{self.name}"\ncontinues = "chatml"\n'
            '\n[route]\nmode = "hybrid"   # or "cloud": every turn that may leave the device\n'
        )

    def command(self) -> list[str]:
        """The child's command line; the key travels in its environment, where other users cannot read it."""
        return [
            *(sys.executable, "-m", "llama_cpp.server"),
            *("--model", str(self.model), "--model_alias", self.name),
            *("--host", self.host, "--port", str(self.port)),
            *("--n_ctx", str(self.context_tokens), "--n_threads", str(self.threads or max(1, (os.cpu_count() or 2) // 2))),
            *("--interrupt_requests", "false", "--verbose", "false"),
        ]


@asynccontextmanager
async def running(standin: StandIn, *, log: Path | None = None) -> AsyncIterator["asyncio.subprocess.Process"]:
    """Start it, enter when it answers, and end it.

    Its output goes to ``log``, or nowhere.

    Raises:
        ConfigError: it would be open to everybody.
        CloudError: it does not start, with the last thing that it said.
    """
    if standin.host not in LOOPBACK and not standin.key:
        raise ConfigError("listening beyond loopback needs a key: set the environment variable that cloud.api_key_env names")
    environment = {**os.environ, **({"API_KEY": standin.key} if standin.key else {})}
    output = log.open("ab") if log is not None else None
    try:
        process = await asyncio.create_subprocess_exec(
            *standin.command(),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output or asyncio.subprocess.DEVNULL,
            stderr=output or asyncio.subprocess.DEVNULL,
        )
    finally:
        if output is not None:
            output.close()
    try:
        await _until_it_answers(standin, process, _last_line(log))
        yield process
    finally:
        await _end(process)


def _last_line(log: Path | None) -> Callable[[], str]:
    def read() -> str:
        if log is None:
            return "run it again with a log to see why"
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"

    return read


async def _until_it_answers(standin: StandIn, process: "asyncio.subprocess.Process", last_line: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(standin):
                if process.returncode is not None:
                    raise CloudError(f"the cloud stand-in ended at once ({process.returncode}): {last_line()}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise CloudError(f"the cloud stand-in did not answer within {START_S:.0f} s: {last_line()}") from error


async def _answers(standin: StandIn) -> bool:
    try:
        reader, writer = await asyncio.open_connection(standin.host, standin.port)
    except OSError:
        return False
    try:
        authorization = f"Authorization: Bearer {standin.key}\r\n" if standin.key else ""
        writer.write(f"GET /v1/models HTTP/1.1\r\nHost: {standin.host}\r\n{authorization}Connection: close\r\n\r\n".encode())
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _end(process: "asyncio.subprocess.Process") -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
