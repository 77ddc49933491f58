"""The service manager: readiness, a watchdog, and a user unit for systemd. On other systems all of it does nothing."""

import os
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path


def notify(*states: str) -> bool:
    """Tell systemd, where it listens (``sd_notify(3)``): ``READY=1``, ``STATUS=…``, ``WATCHDOG=1``, ``STOPPING=1``.

    Returns whether it was told. Never raises.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or address[0] not in "/@":
        return False
    target = "\0" + address[1:] if address[0] == "@" else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0.2)
            channel.sendto("\n".join(states).encode(), target)
    except OSError:
        return False
    return True


def watchdog_s() -> float | None:
    """How often systemd wants to hear ``WATCHDOG=1``: half of what it allows; ``None`` when it does not ask."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if allowed.isdigit() and int(allowed) > 0 else None


UNIT = """[Unit]
Description=voice, listening at this machine's microphone
Documentation=https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
Wants=pipewire.service pulseaudio.service
After=pipewire.service pipewire-pulse.service pulseaudio.service

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -USR1 $MAINPID
Restart=on-failure
RestartSec=2
WatchdogSec=30

[Install]
WantedBy=default.target
"""


def unit(arguments: Sequence[str] = ()) -> str:
    """A user unit that runs ``voice mic`` with these arguments; goes to ``~/.config/systemd/user/voice-mic.service``.

    ``systemctl --user reload voice-mic`` then presses the key of push to talk.
    """
    program = shutil.which("voice") or f"{sys.executable} -m voice"
    here = Path(sys.argv[0])
    if here.name == "voice" and here.exists():
        program = str(here.resolve())
    words = [program, "mic", "--service", *arguments]
    return UNIT.format(command=" ".join(_quoted(word) if " " in word and word != program else word for word in words))


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
