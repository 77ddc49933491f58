"""Recordings on disk: whatever libsndfile reads (WAV in every sample format, FLAC, OGG, MP3), as mono float32."""

from pathlib import Path

import numpy as np
import soundfile

from voice.audio.resample import resample
from voice.core.errors import AudioError
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

MAX_SECONDS = 600.0
"""A longer recording is refused: it is held in memory as a whole."""

_RATES_HZ = range(4_000, 384_001)


def read_audio(path: Path, *, rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """A whole recording, mixed down to mono and converted to ``rate_hz``: float32, shape (samples,).

    Raises:
        AudioError: the file is missing, empty, longer than :data:`MAX_SECONDS`, or is not audio all the way through.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror}") from error
    if path.is_dir():
        raise AudioError(f"{path} is a folder; name one recording in it")
    if size == 0:
        raise AudioError(f"{path} is empty (0 bytes); record it again")
    try:
        samples, file_rate_hz = _decode(path)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(". ") or "unknown format"
        raise AudioError(f"{path} cannot be read as audio ({reason}); give it as a WAV or FLAC file") from error
    if not np.isfinite(samples).all():
        raise AudioError(f"{path} holds samples that are not numbers (NaN or infinite); export it again as 16-bit WAV")
    return resample(samples, file_rate_hz, rate_hz)


def _decode(path: Path) -> tuple[Samples, int]:
    with soundfile.SoundFile(path) as file:
        if file.samplerate not in _RATES_HZ:
            raise AudioError(
                f"{path} claims a rate of {file.samplerate} Hz; {_RATES_HZ.start} to {_RATES_HZ.stop - 1} Hz are read"
            )
        seconds = file.frames / file.samplerate
        if seconds > MAX_SECONDS:
            raise AudioError(
                f"{path} lasts {seconds / 60:.1f} min; at most {MAX_SECONDS / 60:.0f} min are read, so cut it first"
            )
        promised = _promised_frames(path, file)
        data = file.read(min(file.frames, int(MAX_SECONDS * file.samplerate)), dtype="float32", always_2d=True)
        rate_hz: int = file.samplerate
    if not data.shape[0]:
        raise AudioError(f"{path} holds a header but no audio; record it again")
    if data.shape[0] < promised:
        found_s, promised_s = data.shape[0] / rate_hz, promised / rate_hz
        raise AudioError(f"{path} is cut off: {found_s:.2f} s of the {promised_s:.2f} s in its header; copy or record it again")
    mono: Samples = data[:, 0] if data.shape[1] == 1 else data.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono), rate_hz


def _promised_frames(path: Path, file: soundfile.SoundFile) -> int:
    """How many frames the header speaks of. libsndfile quietly shortens a WAV that was cut off, so its header is read here."""
    if file.format not in {"WAV", "WAVEX"}:
        return int(file.frames)
    with path.open("rb") as raw:
        raw.seek(12)
        block_align = 0
        while len(head := raw.read(8)) == 8:
            name, size = head[:4], int.from_bytes(head[4:], "little")
            if name == b"fmt ":
                block_align = int.from_bytes(raw.read(size)[12:14], "little")
                raw.seek(size % 2, 1)
            elif name == b"data":
                streamed = size in (0, 0x7FFFFFFF, 0xFFFFFFFF) or size >= 0x7FFFF000  # written to a pipe: length unknown
                return int(file.frames) if streamed or not block_align else size // block_align
            else:
                raw.seek(size + size % 2, 1)
    return int(file.frames)


def write_wav(path: Path, samples: Samples, rate_hz: int) -> None:
    """Write mono float samples as a 16-bit WAV; what lies outside [-1, 1) is clipped.

    Raises:
        AudioError: the file cannot be written.
    """
    try:
        soundfile.write(path, np.clip(samples, -1.0, 1.0), rate_hz, subtype="PCM_16", format="WAV")
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(getattr(error, "error_string", error)).rstrip(". ")
        raise AudioError(f"cannot write {path} ({reason}); check the folder and its permissions") from error
