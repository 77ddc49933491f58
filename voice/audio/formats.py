"""Sample formats: 16-bit PCM on the wire, float32 inside.

One scale both ways (32768), so that int16 → float32 → int16 is exact.
"""

import numpy as np

from voice.core.interfaces import Samples

_SCALE = 32768.0
_PCM16 = np.dtype("<i2")


def float_from_pcm16(data: bytes | bytearray | memoryview) -> Samples:
    """Little-endian signed 16-bit mono PCM as float32 in [-1, 1).

    Raises:
        ValueError: the number of bytes is odd.
    """
    return np.multiply(np.frombuffer(data, dtype=_PCM16), 1.0 / _SCALE, dtype=np.float32)


def pcm16_from_float(samples: Samples) -> bytes:
    """Finite float samples as little-endian signed 16-bit PCM; what lies outside [-1, 1) is clipped, not wrapped."""
    scaled = np.multiply(samples, _SCALE, dtype=np.float32)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768.0, 32767.0, out=scaled)
    return scaled.astype(_PCM16).tobytes()
