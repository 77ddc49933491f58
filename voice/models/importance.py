"""How much each column of a model's weights matters: what a quantisation is made with.

Strategy: rounding a weight hurts in proportion to what it is multiplied with. So the model answers a few everyday questions,
reads prompt and answer once more, and of what comes in at every matrix the squares are averaged by column (llama.cpp's
"importance matrix"). With it, and with the small matrices of attention's keys and values kept at eight bits, Q4_0 chooses the
token that the model itself chooses noticeably more often: docs/drafting.md has the figures.

Reads llama.cpp's tensors by their layout in memory. Where that is not what is expected here nothing is found, and
:func:`importance` says so.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

QUESTIONS = (
    "Give me three tips for a job interview.",
    "How does a bicycle stay upright?",
    "What's the weather usually like in London?",
    "Tell me about the moon.",
    "List the planets.",
    "How do I cook rice?",
    "What is seven times eight?",
    "Who wrote Romeo and Juliet?",
    "Explain what a computer does.",
    "I feel tired today.",
    "Name a good book.",
    "Summarise this: the meeting moved to Tuesday because the room was taken.",
    "What does the heart do?",
    "Why do leaves fall in autumn?",
    "Plan a day in Paris.",
    "Say good morning in French.",
    "How high is Mount Everest?",
    "Write two lines about the sea.",
    "Is a tomato a fruit?",
    "If I have five coins and lose two, how many remain?",
)
"""Everyday questions; none of those that drafting is measured with."""

Columns = dict[bytes, npt.NDArray[np.float32]]
"""The mean square of what comes in at each column, by the weight's name."""

_F32 = 0


class _Tensor(ctypes.Structure):
    """``ggml_tensor``, as far as its name."""


_Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(_Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]


class ImportanceWatch:
    """Adds up what comes in at the matrices of a context made with :attr:`callback`."""

    def __init__(self) -> None:
        self._sums: dict[bytes, tuple[npt.NDArray[np.float64], int]] = {}
        self.callback = llama_cpp.ggml_backend_sched_eval_callback(self._see)

    def columns(self) -> Columns:
        """The mean squares so far."""
        return {name: (squares / rows).astype(np.float32) for name, (squares, rows) in self._sums.items()}

    def _see(self, pointer: int, ask: bool, _: object) -> bool:
        """llama.cpp asks before each operation whether its result is wanted, and calls again when it is there."""
        tensor: Any = ctypes.cast(pointer, ctypes.POINTER(_Tensor)).contents
        if not tensor.src[0] or not tensor.src[1]:
            return not ask
        weight, coming = tensor.src[0].contents, tensor.src[1].contents
        known = weight.name.startswith((b"blk.", b"output.", b"token_embd.")) and weight.name.endswith(b".weight")
        if not known or b"norm" in weight.name or coming.type != _F32 or coming.ne[0] != weight.ne[0]:
            return not ask
        if not ask:
            shape = (coming.ne[1] * coming.ne[2] * coming.ne[3], coming.ne[0])
            values = np.ctypeslib.as_array(ctypes.cast(coming.data, ctypes.POINTER(ctypes.c_float)), shape=shape)
            squares = np.square(values, dtype=np.float64).sum(axis=0)
            before, rows = self._sums.get(weight.name, (0.0, 0))
            self._sums[weight.name] = (before + squares, rows + shape[0])
        return True


def importance(texts: Sequence[Sequence[int]], read: Callable[[Sequence[int]], object], watch: ImportanceWatch) -> Columns:
    """Of a model whose context is watched.

    Args:
        texts: tokens of some conversations.
        read: computes one.
        watch: sees it.

    Raises:
        RuntimeError: no matrix was seen: this llama.cpp lays its tensors out in another way.
    """
    for text in texts:
        read(text)
    found = watch.columns()
    if not found or not all(np.isfinite(columns).all() for columns in found.values()):
        raise RuntimeError("this build of llama.cpp does not let its matrices be watched")
    return found


def apply(settings: Any, columns: Columns, kept: Sequence[bytes]) -> list[Any]:
    """Have a quantisation made with it, the matrices whose names hold one of ``kept`` at Q8_0.

    Returns what must live as long as the settings.
    """
    matrix = (llama_cpp.llama_model_imatrix_data * (len(columns) + 1))()
    arrays = [np.ascontiguousarray(values) for values in columns.values()]
    for entry, name, values in zip(matrix, columns, arrays, strict=False):
        entry.name, entry.size = name, values.size
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    settings.imatrix = ctypes.cast(matrix, ctypes.POINTER(llama_cpp.llama_model_imatrix_data))
    types = (llama_cpp.llama_model_tensor_override * (len(kept) + 1))()
    for entry, pattern in zip(types, kept, strict=False):
        entry.pattern, entry.type = pattern, llama_cpp.GGML_TYPE_Q8_0
    settings.tt_overrides = ctypes.cast(types, ctypes.POINTER(llama_cpp.llama_model_tensor_override))
    return [matrix, types, *arrays]
