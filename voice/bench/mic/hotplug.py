"""The daemon's devices are pulled out in mid-reply and put back: how soon is it heard, and does it hear, again?"""

import asyncio

import numpy as np

from voice.bench.mic.path import Instrument, instruments, newest, running, until
from voice.bench.mic.pulse import PulseServer
from voice.bench.mic.recorder import Witness
from voice.core.errors import DeviceError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.gate import Gate
from voice.mic.player import Player

AWAY_S = 1.0
REPLY_S = 12.0
BACK_WITHIN_S = 10.0


def hum(seconds: float) -> Samples:
    """A sound that goes on: what a reply, or a speaker, is here."""
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.standard_normal(int(seconds * SAMPLE_RATE_HZ)), np.ones(4) / 4, mode="same")
    return (0.2 * smooth).astype(np.float32)


async def loudspeaker(pulse: PulseServer, *, away_s: float = AWAY_S) -> float | None:
    """Seconds from the loudspeaker's return to the rest of the reply in it; ``None``: it did not come."""
    async with instruments() as (url, house), running(url, Gate("open")) as daemon:
        newest(house).answer(hum(REPLY_S))
        await _until_played(daemon.player, 1.0)
        await asyncio.to_thread(pulse.unplug, "speaker")
        await asyncio.sleep(away_s)
        await asyncio.to_thread(pulse.plug, "speaker")
        back_s = asyncio.get_running_loop().time()
        with Witness(pulse, "speaker") as speaker:
            heard_s = await asyncio.to_thread(speaker.wait_for_sound, back_s, BACK_WITHIN_S)
        return None if heard_s is None else heard_s - back_s


async def microphone(pulse: PulseServer, *, away_s: float = AWAY_S) -> float | None:
    """Seconds from the microphone's return to the arrival of what is said then; ``None``: it did not arrive."""
    async with instruments() as (url, house), running(url, Gate("open")) as daemon:
        instrument = newest(house)
        instrument.answer(hum(REPLY_S))
        await _until_played(daemon.player, 1.0)
        await asyncio.to_thread(pulse.unplug, "room")
        await asyncio.sleep(away_s)
        await asyncio.to_thread(pulse.plug, "room")
        back_s = asyncio.get_running_loop().time()
        saying = pulse.say(hum(BACK_WITHIN_S))
        try:
            heard_s = await _until_heard(instrument, instrument.samples.size, back_s + BACK_WITHIN_S)
        finally:
            saying.kill()
            saying.wait()
        return None if heard_s is None else heard_s - back_s


async def _until_played(player: Player, seconds: float) -> None:
    try:
        async with asyncio.timeout(BACK_WITHIN_S):
            await until(lambda: player.played >= seconds * SAMPLE_RATE_HZ)
    except TimeoutError:
        raise DeviceError("the daemon played nothing; is the machine overloaded?") from None


async def _until_heard(instrument: Instrument, since: int, until_s: float) -> float | None:
    loop = asyncio.get_running_loop()
    while loop.time() < until_s:
        heard = instrument.samples[since:]
        loud = np.flatnonzero(np.abs(heard) > 0.05)
        if loud.size:
            return instrument.arrival_s(since + int(loud[0]))
        await asyncio.sleep(0.02)
    return None
