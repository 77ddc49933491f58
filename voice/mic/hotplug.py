"""The sound server's own word on which devices go.

PulseAudio and PipeWire do not end the stream of a device that is pulled out: they carry it over to another device, without a
gap and without telling the program, and leave it there when the device is back. PortAudio cannot see that, so the server is
asked: ``pactl subscribe`` prints a line for every device that goes. Where there is no such server (plain ALSA, macOS, Windows)
the stream itself ends, and nothing of this is needed.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress

AGAIN_S = 5.0
"""Between two attempts at reaching the sound server."""
_GONE = re.compile(rb"^Event 'remove' on (source|sink) #")


def is_removal(line: bytes) -> bool:
    """Whether a line of ``pactl subscribe`` (in the C locale) says that a device went; streams do not count."""
    return _GONE.match(line) is not None


async def watch(on_gone: Callable[[], None]) -> None:
    """Call ``on_gone`` on the event loop whenever a device goes, until cancelled. Without ``pactl``, return at once."""
    pactl = shutil.which("pactl")
    if pactl is None:
        return
    while True:
        with suppress(OSError):
            await _subscribe(pactl, on_gone)
        await asyncio.sleep(AGAIN_S)


async def _subscribe(pactl: str, on_gone: Callable[[], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        pactl,
        "subscribe",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        if process.stdout is not None:
            async for line in process.stdout:
                if is_removal(line):
                    on_gone()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
