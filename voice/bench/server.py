"""A server of our own for a benchmark: a process apart, so that the measuring client does not share its interpreter."""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import psutil

from voice.core.errors import ServerUnreachable

START_S = 120.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server process that answers.

    Attributes:
        url: its plain PCM address.
        process: for CPU times and memory.
    """

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU seconds that the server has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def rss_mib(self) -> float:
        """Its resident memory."""
        return float(self.process.memory_info().rss) / 2**20


@contextlib.contextmanager
def own_server(arguments: Sequence[str] = ()) -> Iterator[RunningServer]:
    """Start ``voice serve`` on a free port and stop it at the end.

    Args:
        arguments: global options such as ``--config FILE`` or ``--set section.key=value``.

    Raises:
        ServerUnreachable: it did not come up; its last words are in the message.
    """
    port = _free_port()
    command = [sys.executable, "-m", "voice", "--set", "llm.large_fetch=false", *arguments, "serve", "--port", str(port)]
    with tempfile.TemporaryFile() as output:  # a pipe that nobody empties would block the server
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            _wait_until_ready(process, port, output)
            yield RunningServer(f"ws://127.0.0.1:{port}/", psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def server_at(url: str) -> Iterator[RunningServer]:
    """A server that runs already on this machine.

    Raises:
        ServerUnreachable: no process of this machine listens at that port.
    """
    port = urllib.parse.urlsplit(url).port or 80
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            yield RunningServer(url, psutil.Process(connection.pid))
            return
    raise ServerUnreachable(f"no process of this machine that can be seen listens at port {port} ({url})")


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, output: IO[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise ServerUnreachable(f"the server ended with code {process.returncode} while starting:\n{said[-2000:]}")
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer,
        ):
            if json.load(answer).get("ready"):
                return
        time.sleep(0.1)
    raise ServerUnreachable(f"the server was not ready after {START_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
