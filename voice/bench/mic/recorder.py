"""What was in the air, and when: a recorder at a sink of :mod:`.pulse`, and how two recordings lie to each other.

A null sink counts its samples by the machine's monotonic clock and hands each block to its monitor at once. So the moment of
sample ``n`` is a straight line of slope one, and the chunk that came through with the least delay shows where that line lies.
"""

import os
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

import numpy as np

from voice.audio.voiced import AUDIBLE
from voice.bench.mic.pulse import PulseServer
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

_CHUNK_BYTES = 4096
_FRAME = SAMPLE_RATE_HZ // 100
_BAND_HZ = (200, 3400)
_NEAR = SAMPLE_RATE_HZ
_THERE = 0.5
"""A frame of 10 ms is there when it has at least so much of its energy."""


class Timeline:
    """Samples in the order of their coming, each with its moment. Thread-safe for one writer and many readers."""

    def __init__(self) -> None:
        self._pieces: list[Samples] = []
        self._arrivals: list[tuple[int, float]] = []
        self._count = 0
        self._begin_s = float("inf")

    def write(self, samples: Samples, now_s: float) -> None:
        """These came now."""
        self._pieces.append(samples)
        self._count += samples.size
        self._arrivals.append((self._count, now_s))
        self._begin_s = min(self._begin_s, now_s - self._count / SAMPLE_RATE_HZ)

    @property
    def samples(self) -> Samples:
        """Everything so far."""
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.float32)

    def moment_s(self, index: int) -> float:
        """When sample ``index`` was in the air (monotonic seconds), of a stream without gaps in the second before and after."""
        # A starved sound server leaves samples out, so only what is near tells.
        near = [at_s - count / SAMPLE_RATE_HZ for count, at_s in self._arrivals if abs(count - index) <= _NEAR]
        return min(near, default=self._begin_s) + index / SAMPLE_RATE_HZ

    def index(self, moment_s: float) -> int:
        """Which sample was in the air then."""
        rough = next((count for count, at_s in self._arrivals if at_s >= moment_s), self._count)
        return max(0, rough + round((moment_s - self.moment_s(rough)) * SAMPLE_RATE_HZ))

    def arrival_s(self, index: int) -> float:
        """When the piece with sample ``index`` came (monotonic seconds)."""
        return next((at_s for count, at_s in self._arrivals if count > index), float("inf"))


class Witness(Timeline):
    """Records what is played to a sink while it is entered."""

    def __init__(self, pulse: PulseServer, sink: str) -> None:
        super().__init__()
        self._pulse, self._sink = pulse, sink
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._process = self._pulse.record(self._sink)
        self._thread = threading.Thread(target=self._read, args=(self._process,), name="witness", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is None or self._thread is None:
            return
        self._process.kill()
        self._thread.join()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        pipe, rest = process.stdout.fileno(), b""
        while chunk := os.read(pipe, _CHUNK_BYTES):
            chunk = rest + chunk
            whole = len(chunk) - len(chunk) % 4
            rest = chunk[whole:]
            self.write(np.frombuffer(chunk[:whole], dtype=np.float32), time.monotonic())

    def wait_for_sound(self, since_s: float, within_s: float) -> float | None:
        """The moment of the first audible sample from ``since_s`` on; ``None`` when none came in time. Blocks."""
        while time.monotonic() < since_s + within_s:
            samples = self.samples
            begin = self.index(since_s) if samples.size else 0
            loud = np.flatnonzero(np.abs(samples[begin:]) >= AUDIBLE)
            if loud.size:
                return self.moment_s(begin + int(loud[0]))
            time.sleep(0.01)
        return None


def find(needle: Samples, haystack: Samples) -> tuple[int, float]:
    """Where ``needle`` lies in ``haystack``: the index of its first sample (negative: it begins before), and the likeness.

    By normalised cross-correlation in the band of speech; 1 is a copy, 0 is nothing of the kind.
    """
    needle, haystack = speech_band(needle), speech_band(haystack)
    size = 1 << (needle.size + haystack.size - 1).bit_length()
    spectrum = np.fft.rfft(haystack, size) * np.conj(np.fft.rfft(needle, size))
    products = np.fft.irfft(spectrum, size)
    lag = int(np.argmax(products))
    best = float(products[lag])
    lag = lag - size if lag >= haystack.size else lag
    part = haystack[max(0, lag) : lag + needle.size]
    energy = float(np.square(needle, dtype=np.float64).sum() * np.square(part, dtype=np.float64).sum())
    return lag, best / energy**0.5 if energy > 0 else 0.0


def speech_band(samples: Samples) -> Samples:
    """What lies between 200 and 3400 Hz: resamplers and high-pass filters may take away what is beyond."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < _BAND_HZ[0]) | (hz > _BAND_HZ[1])] = 0
    return np.fft.irfft(spectrum, samples.size).astype(np.float32)


def lost_at_start_ms(said: Samples, heard: Samples, onset: int) -> float:
    """How much of what was said is missing from its first voiced sample on.

    Args:
        said: a recording.
        heard: what arrived of it, cut or padded so that both begin with the same sample.
        onset: the first voiced sample.

    A frame has arrived when it holds at least half of its energy; what comes before the first such frame is lost.
    """
    said, heard = speech_band(said), speech_band(heard)
    for at in range(onset, said.size - _FRAME + 1, _FRAME):
        wanted = float(np.square(said[at : at + _FRAME], dtype=np.float64).sum())
        got = float(np.square(heard[at : at + _FRAME], dtype=np.float64).sum())
        if wanted > 0 and got >= _THERE * wanted:
            return (at - onset) * 1000 / SAMPLE_RATE_HZ
    return (said.size - onset) * 1000 / SAMPLE_RATE_HZ


def laid_over(heard: Samples, at: int, size: int) -> Samples:
    """``size`` samples of ``heard`` from index ``at`` on; silence where it has none."""
    out = np.zeros(size, dtype=np.float32)
    begin, end = max(0, at), min(heard.size, at + size)
    if end > begin:
        out[begin - at : end - at] = heard[begin:end]
    return out
