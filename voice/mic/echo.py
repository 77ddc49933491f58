"""Takes what the loudspeaker plays out of what the microphone hears: WebRTC's AEC3.

Strategy: the canceller needs, for every 10 ms heard, 10 ms that were played. What is handed to the sound card is queued, and
each frame heard takes the next frame from the queue. Both cards count samples at the same nominal rate, so once the queue has
found its level, sample n heard always meets the same sample played, and earlier than its echo can arrive: the sound card still
has to play it. What then remains (both cards' buffers and the way through the air) is what AEC3 estimates by itself, from the
hint that the cards' own latencies give. When the queue's level creeps up (two clocks are never the same), its head is dropped.
"""

import threading

import numpy as np
from pywebrtc_audio import AudioProcessor

from voice.core.errors import DeviceError, mapped
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

FRAME = SAMPLE_RATE_HZ // 100
_MAX_QUEUE = 2 * SAMPLE_RATE_HZ
"""As much as may wait of what was heard, while the event loop is busy."""
_CREEP = SAMPLE_RATE_HZ // 50
"""20 ms more than was ever needed in a while."""
_WATCH_FRAMES = 500
_FAILED = "the echo canceller failed"


class EchoCanceller:
    """One microphone and one loudspeaker. :meth:`played` may be called from another thread than :meth:`clean`.

    Args:
        delay_ms: how long after it was handed over a sound is expected to come back, by the cards' own account.
    """

    @mapped(DeviceError, _FAILED)
    def __init__(self, delay_ms: int = 0) -> None:
        self._processor = AudioProcessor(
            sample_rate=SAMPLE_RATE_HZ,
            echo_cancellation=True,
            high_pass_filter=True,
            stream_delay_ms=max(0, min(delay_ms, 500)),
        )
        self._lock = threading.Lock()
        self._queue: Samples = np.zeros(0, dtype=np.float32)
        self._rest: Samples = np.zeros(0, dtype=np.float32)
        self._least = _MAX_QUEUE
        self._frames = 0
        self._began = False
        self.dropped = 0

    def played(self, samples: Samples) -> None:
        """This was just handed to the sound card: 16 kHz, any length, silence included."""
        with self._lock:
            self._queue = np.concatenate((self._queue, samples))
            if self._queue.size > _MAX_QUEUE:
                self._drop(self._queue.size - _MAX_QUEUE)

    @mapped(DeviceError, _FAILED)
    def clean(self, samples: Samples) -> Samples:
        """What was heard, without what was played, as far as whole frames go (10 ms).

        Raises:
            DeviceError: the canceller failed.
        """
        heard = np.concatenate((self._rest, samples)) if self._rest.size else samples
        whole = heard.size - heard.size % FRAME
        self._rest = heard[whole:].copy()
        if not whole:
            return np.zeros(0, dtype=np.float32)
        if not self._began:
            self._begin(heard.size)
        cleaned = np.empty(whole, dtype=np.float32)
        for at in range(0, whole, FRAME):
            far = self._next_played()
            near = np.ascontiguousarray(heard[at : at + FRAME], dtype=np.float32)
            cleaned[at : at + FRAME] = self._processor.process(near, far)
        return cleaned

    def _begin(self, heard: int) -> None:
        """What was played while the microphone was still silent belongs to nothing that is heard."""
        with self._lock:
            self._began = True
            self._drop(max(0, self._queue.size - heard))

    def _next_played(self) -> Samples:
        far = np.zeros(FRAME, dtype=np.float32)
        with self._lock:
            have = min(FRAME, self._queue.size)
            far[FRAME - have :] = self._queue[:have]
            self._queue = self._queue[have:]
            self._least = min(self._least, self._queue.size)
            self._frames += 1
            if self._frames >= _WATCH_FRAMES:
                if self._least > _CREEP:
                    self._drop(self._least)
                self._frames, self._least = 0, _MAX_QUEUE
        return far

    def _drop(self, count: int) -> None:
        self._queue = self._queue[count:]
        self.dropped += count
