"""A cloud for one machine: llama-cpp-python's own OpenAI-compatible server, as a child process.

A real engine behind a real socket, so that nothing about the cloud tier has to be imitated to try it, measure it or test it.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from voice.cloud.local import KEY
from voice.core.cpu import cores
from voice.core.errors import CloudError, ConfigError

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
START_S = 120.0
STOP_S = 5.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class StandIn:
    """What to run.

    Attributes:
        key_variable: the environment variable from which the assistant takes the key; named in the settings.
        key: clients must present it; empty for none, which only loopback may do without.
        threads: of the model; 0 for half of the cores, since the assistant needs the others.
    """

    model: Path
    name: str
    host: str = "127.0.0.1"
    port: int = 8766
    key: str = ""
    key_variable: str = "VOICE_CLOUD_KEY"
    threads: int = 0
    context_tokens: int = 4096

    @property
    def base_url(self) -> str:
        """Where it answers."""
        near = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not bound
        host = f"[{near}]" if ":" in near else near
        return f"http://{host}:{self.port}/v1"

    def settings(self) -> str:
        """The settings of the assistant that uses it, as TOML."""
        key = f'api_key_env = "{self.key_variable}"\n' if self.key else ""
        return (
            f'[cloud]\nenabled = true\nbase_url = "{self.base_url}"\nmodel = {json.dumps(self.name, ensure_ascii=False)}\n'
            f'{key}continues = "assistant"\n'
            '\n[route]\nmode = "hybrid"   # or "cloud": every turn that may leave the device\n'
        )

    def command(self) -> list[str]:
        """The child's command line; the key travels in its environment, where other users cannot read it."""
        return [
            *(sys.executable, "-m", "voice.cloud.local"),
            *("--model", str(self.model), "--name", self.name),
            *("--host", self.host, "--port", str(self.port)),
            *("--context", str(self.context_tokens), "--threads", str(self.threads or max(1, cores() // 2))),
        ]


@asynccontextmanager
async def running(standin: StandIn, *, log: Path | None = None) -> AsyncIterator["asyncio.subprocess.Process"]:
    """Start it, enter when it answers, and end it.

    Its output goes to ``log``, or nowhere.

    Raises:
        ConfigError: it would be open to everybody, or the address is taken or not this machine's.
        CloudError: it does not start, with the last thing that it said.
    """
    if standin.host not in LOOPBACK and not standin.key:
        raise ConfigError("listening beyond loopback needs a key: set the environment variable that cloud.api_key_env names")
    _take(standin)
    environment = {**os.environ, KEY: standin.key}
    output = await asyncio.to_thread(log.open, "ab") if log is not None else None
    try:
        process = await asyncio.create_subprocess_exec(
            *standin.command(),
            env=environment,
            stdin=asyncio.subprocess.PIPE,  # ends with this process, and so does the child
            start_new_session=True,  # a Ctrl-C is for this process, which ends the child
            stdout=output or asyncio.subprocess.DEVNULL,
            stderr=output or asyncio.subprocess.DEVNULL,
        )
    finally:
        if output is not None:
            output.close()
    try:
        await _until_it_answers(standin, process, log)
        yield process
    finally:
        await _end(process)


def _take(standin: StandIn) -> None:
    """Refuse an address that somebody else answers at: that one would be taken for the stand-in."""
    try:
        found = socket.getaddrinfo(standin.host or None, standin.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{standin.host}:{standin.port} cannot be listened on: {said}; choose another with --port or --host"
        ) from error


def last_line(log: Path | None) -> str:
    """The last thing that the server said."""
    if log is None:
        return "run it again with a log to see why"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


async def _until_it_answers(standin: StandIn, process: "asyncio.subprocess.Process", log: Path | None) -> None:
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(standin):
                if process.returncode is not None:
                    raise CloudError(f"the cloud stand-in ended at once ({process.returncode}): {last_line(log)}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise CloudError(f"the cloud stand-in did not answer within {START_S:.0f} s: {last_line(log)}") from error


async def _answers(standin: StandIn) -> bool:
    try:
        parts = urlsplit(standin.base_url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return False
    try:
        authorization = f"Authorization: Bearer {standin.key}\r\n" if standin.key else ""
        writer.write(f"GET /v1/models HTTP/1.1\r\nHost: {standin.host}\r\n{authorization}Connection: close\r\n\r\n".encode())
        return b" 200 " in await reader.readline()
    except OSError:
        return False
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
