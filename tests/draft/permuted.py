"""A real model in another vocabulary: a GGUF whose tokens have changed places, so that its numbers mean something else.

Its answers are the same texts. Nothing of the file moves: the lists in its header and the rows of the embedding, which is the
output, too, are put in another order where they are.
"""

import random
import struct
from pathlib import Path

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LISTS = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.scores")
_BLOCK_BYTES = {2: (32, 18), 3: (32, 20), 8: (32, 34), 1: (1, 2), 0: (1, 4)}
"""Of ggml's types Q4_0, Q4_1, Q8_0, F16, F32: values in a block, and its bytes."""


class _Reader:
    def __init__(self, data: bytearray) -> None:
        self.data, self.at = data, 24

    def number(self, kind: str = "<Q") -> int:
        (found,) = struct.unpack_from(kind, self.data, self.at)
        self.at += struct.calcsize(kind)
        return int(found)

    def skip(self, count: int) -> int:
        self.at += count
        return self.at - count

    def text(self) -> str:
        size = self.number()
        return self.data[self.skip(size) : self.at].decode()

    def value(self, kind: int) -> list[tuple[int, int]]:
        """Where a value lies, from and to; of a list, where its elements do."""
        begin = self.at
        if kind == 8:
            self.text()
        elif kind == 9:
            element, count = self.number("<I"), self.number()
            return [self.value(element)[0] for _ in range(count)]
        else:
            self.skip(_SIZES[kind])
        return [(begin, self.at)]


def permuted(source: Path, to: Path, *, seed: int = 1, template: str = "") -> Path:
    """Write the model with its tokens in another order; with a template, one of the same length, in place of its own."""
    data = bytearray(source.read_bytes())
    tensors, pairs = struct.unpack_from("<QQ", data, 8)
    reader = _Reader(data)
    found: dict[str, list[tuple[int, int]]] = {}
    for _ in range(pairs):
        key = reader.text()
        found[key] = reader.value(reader.number("<I"))
    count = len(found[_LISTS[0]])
    order = list(range(count))
    random.Random(seed).shuffle(order)
    new_of = {old: new for new, old in enumerate(order)}
    for key in _LISTS:
        if key in found:
            pieces = [bytes(data[begin:end]) for begin, end in found[key]]
            data[found[key][0][0] : found[key][-1][1]] = b"".join(pieces[old] for old in order)
    for key, places in found.items():
        if key.startswith("tokenizer.ggml.") and key.endswith("_token_id"):
            (old,) = struct.unpack_from("<I", data, places[0][0])
            struct.pack_into("<I", data, places[0][0], new_of.get(old, old))
    if template:
        begin, end = found["tokenizer.chat_template"][0]
        assert end - begin - 8 == len(template.encode())
        data[begin + 8 : end] = template.encode()
    at: dict[str, tuple[list[int], int, int]] = {}
    for _ in range(tensors):
        name = reader.text()
        shape = [reader.number() for _ in range(reader.number("<I"))]
        kind, offset = reader.number("<I"), reader.number()
        at[name] = (shape, kind, offset)
    begin = -(-reader.at // 32) * 32
    assert "output.weight" not in at, "the output is the embedding in the models that this is for"
    shape, kind, offset = at["token_embd.weight"]
    values, size = _BLOCK_BYTES[kind]
    row = shape[0] // values * size
    begin += offset
    rows = [bytes(data[begin + old * row : begin + (old + 1) * row]) for old in range(count)]
    data[begin : begin + count * row] = b"".join(rows[old] for old in order)
    to.write_bytes(data)
    return to
