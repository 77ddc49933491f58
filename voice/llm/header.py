"""A GGUF without its tensors: what its tokenizer and chat template need, in a few megabytes.

The file is magic, version, the number of tensors, the number of key-value pairs, and those pairs (GGUF specification, versions
2 and 3). llama.cpp loads a file that ends there as a vocabulary.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from voice.core.errors import ChatError

MAX_BYTES = 64 << 20
"""Of a header: the largest vocabularies take a quarter of it."""
_START = struct.Struct("<4sIQQ")
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def header_of(path: Path) -> bytes:
    """The beginning of a GGUF, changed to say that it has no tensors.

    Raises:
        ChatError: the file cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            magic, version, _, pairs = _START.unpack(file.read(_START.size))
            if magic != b"GGUF" or version not in (2, 3):
                raise ChatError(f"{path} is not a GGUF file of version 2 or 3")
            for _ in range(pairs):
                _skip_string(file)
                _skip(file, _number(file, "<I"))
            end = file.tell()
            if end > MAX_BYTES:
                raise ChatError(f"the header of {path} has {end:,} bytes")
            file.seek(_START.size)
            rest = file.read(end - _START.size)
    except (OSError, struct.error, KeyError, OverflowError) as error:
        raise ChatError(f"the header of {path} cannot be read: {error}") from error
    if len(rest) != end - _START.size:
        raise ChatError(f"{path} ends in its header")
    return _START.pack(magic, version, 0, pairs) + rest


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(kind, file.read(struct.calcsize(kind)))[0])


def _skip_string(file: BinaryIO) -> None:
    file.seek(_number(file, "<Q"), 1)


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _skip_string(file)
    elif kind == _ARRAY:
        element, count = _number(file, "<I"), _number(file, "<Q")
        if element in _SIZES:
            file.seek(_SIZES[element] * count, 1)
        else:
            for _ in range(count):
                _skip(file, element)
    else:
        file.seek(_SIZES[kind], 1)
