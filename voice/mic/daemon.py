"""The daemon: keeps the devices and the connection, and carries sound between them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from voice.core.errors import DeviceError
from voice.mic.connection import Address, ServerConnection
from voice.mic.devices import portaudio, quiet, rescan
from voice.mic.gate import Gate
from voice.mic.hotplug import watch
from voice.mic.player import Player
from voice.mic.sound import DeviceChoice, SoundCard
from voice.mic.status import Status

SILENT_S = 1.5
"""A microphone that says nothing, not even silence, for so long is gone."""
LOOK_EVERY_S = 0.1
AGAIN_S = (0.2, 1.0)
"""Between two attempts at opening the devices: at first, and when they stay away."""
STALE_S = 5.0
"""What is left of a reply is played when the devices are back within this, and dropped after it."""
OPEN_WITHIN_S = 5.0
CLOSE_WITHIN_S = 2.0
_DECAY = 0.8
_log = logging.getLogger(__name__)


class Daemon:
    """Run :meth:`run` in a task; cancel it to end.

    Args:
        on_ready: called once, when the devices are open and the server answers.
        patient: whether to wait for devices that are not there at the start, as a service should, instead of giving up.
    """

    def __init__(
        self,
        address: Address,
        choice: DeviceChoice,
        gate: Gate,
        *,
        on_ready: Callable[[], None] = lambda: None,
        patient: bool = False,
    ) -> None:
        self.status = Status()
        self.gate = gate
        self.player = Player()
        self._choice = choice
        self._patient = patient
        self._on_ready = on_ready
        self._told_ready = False
        self._sound: SoundCard | None = None
        self._library = portaudio()
        self._opening: asyncio.Future[SoundCard] | None = None
        self._opened_once = False
        self._device_went = False
        self.link = ServerConnection(address, self.player, self.status, self._on_connected, self._on_activity)

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            DeviceError: at the start, unless patient: a device is missing, busy or refuses.
            ConfigError: the address is none.
        """
        try:
            if not self._patient:
                await self._open()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_sound(), name="keep sound")
                group.create_task(watch(self._on_device_gone), name="watch devices")
                group.create_task(self.link.run(), name="link")
        except* (DeviceError, Exception) as errors:
            raise _first(errors) from None
        finally:
            if self._opening is not None:
                self._opening.add_done_callback(_close_late)
            await self._close()

    # --- the devices ---------------------------------------------------------------------------------------------------------

    async def _keep_sound(self) -> None:
        while True:
            if self._sound is None:
                await self._open_again()
            await asyncio.sleep(LOOK_EVERY_S)
            self._on_heard()
            if self._sound is not None and (why := self._lost(self._sound)):
                self.status.counts.lost += 1
                self.status.sound_trouble = why
                _log.warning("%s; opening again", why)
                await self._close()

    def _lost(self, sound: SoundCard) -> str:
        """Why the devices must be opened anew; empty when they need not."""
        if self._device_went:
            return "a sound device was taken away"
        if sound.ended:
            return "a sound device stopped"
        if (silent_s := asyncio.get_running_loop().time() - sound.heard_at_s) > SILENT_S:
            return f"the microphone {self.status.microphone!r} has given nothing for {silent_s:.1f} s"
        return ""

    def _on_device_gone(self) -> None:
        self._device_went = True

    async def _open_again(self) -> None:
        """As often as it takes."""
        loop = asyncio.get_running_loop()
        since_s, wait_s = loop.time(), AGAIN_S[0]
        while self._sound is None:
            try:
                await self._open()
            except DeviceError as error:
                if str(error) != self.status.sound_trouble:
                    _log.warning("%s", error)
                self.status.sound_trouble = str(error)
                await asyncio.sleep(wait_s)
                wait_s = min(AGAIN_S[1], wait_s * 1.2)
                if loop.time() - since_s > STALE_S:
                    self.player.clear()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._device_went = False

        def open_it() -> SoundCard:
            with quiet():
                if self._opened_once:
                    rescan(self._library)
                self._opened_once = True
                return SoundCard(self._library, self._choice, self.player, self.status.counts, loop, self._on_heard)

        if self._opening is None:  # one that hangs is waited for again: PortAudio cannot do two things at a time
            self._opening = loop.run_in_executor(None, open_it)
        opening = self._opening
        done, _ = await asyncio.wait({opening}, timeout=OPEN_WITHIN_S)
        if not done:
            raise DeviceError(f"the sound devices did not open within {OPEN_WITHIN_S:g} s; is the sound server alive?")
        self._opening = None
        self._sound = opening.result()
        status = self.status
        status.microphone, status.loudspeaker = self._sound.microphone.name, self._sound.loudspeaker.name
        status.latency_ms, status.sound_trouble = self._sound.latency_ms, ""
        self._tell_ready()
        _log.info("open: %s → %s, %.0f ms", status.microphone, status.loudspeaker, status.latency_ms)

    async def _close(self) -> None:
        sound, self._sound = self._sound, None
        if sound is None:
            return
        self.status.microphone = self.status.loudspeaker = ""
        closing = asyncio.get_running_loop().run_in_executor(None, sound.close)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.shield(closing)

    # --- what is heard -------------------------------------------------------------------------------------------------------

    def _on_heard(self) -> None:
        if self._sound is None:
            return
        samples = self._sound.heard()
        if not samples.size:
            return
        status = self.status
        status.level = max(float(np.abs(samples).max()), status.level * _DECAY)
        now_s = asyncio.get_running_loop().time()
        leaving = self.gate.push(samples, now_s)
        status.is_open = self.gate.is_open
        if leaving.size and status.connected:
            self.link.outbox.put_nowait(leaving)

    def _on_activity(self) -> None:
        self.gate.busy(asyncio.get_running_loop().time())

    def _on_connected(self) -> None:
        self.gate.reconnected()
        self._tell_ready()

    def _tell_ready(self) -> None:
        if self._sound is not None and self.status.connected and not self._told_ready:
            self._told_ready = True
            self._on_ready()


def _close_late(opening: "asyncio.Future[SoundCard]") -> None:
    """A device that opened after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
