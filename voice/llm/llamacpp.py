"""llama.cpp, as far as this project needs it: one model with one context, by its C interface.

Strategy: the ``llama_*`` functions of llama-cpp-python are used and its ``Llama`` class is not: that class has one sequence, no
way to stop, and copies all logits. Here a step is one ``llama_decode`` over a batch that mixes sequences; its arrays are
NumPy's own memory, so filling them costs no call per token. Decoding releases the GIL and a context is not thread-safe: nothing
here may be called by two threads at the same time, save :meth:`Runtime.abort` and the text methods of
:class:`~voice.llm.vocabulary.Vocabulary`.
"""

import ctypes
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from voice.core.errors import ChatError
from voice.llm.vocabulary import Vocabulary, last_error


class Decoded(IntEnum):
    """What became of a batch. After anything but ``OK`` the batch is not in the cache."""

    OK = 0
    NO_ROOM = 1
    ABORTED = 2
    FAILED = -1


class Runtime(Vocabulary):
    """A loaded model and its context.

    Args:
        path: a GGUF file.
        context_tokens: tokens that the cache holds of each sequence.
        sequences: how many there are, numbered from 0.
        batch_tokens: tokens in one step, at most.
        threads: CPU threads of a step.
        gpu_layers: layers on a GPU; -1 for all.

    Raises:
        ChatError: the file is not a GGUF, is damaged, does not generate text, or there is no memory for it.
    """

    def __init__(
        self, path: Path, *, context_tokens: int, sequences: int, batch_tokens: int, threads: int, gpu_layers: int = 0
    ) -> None:
        self._context: Any = None
        super().__init__(path, gpu_layers=gpu_layers)
        try:
            params = llama_cpp.llama_context_default_params()
            params.n_ctx = context_tokens * sequences
            params.n_seq_max = sequences
            # Each sequence's own cells, without the flash kernel: measured, a prompt token then costs half of what it does with
            # one pool for all and that kernel (which is slow below 64 tokens), whatever the other sequences hold.
            params.kv_unified = False
            if not gpu_layers:
                params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
            params.n_batch = params.n_ubatch = batch_tokens
            params.n_threads = params.n_threads_batch = threads
            params.no_perf = True
            self._parameters = params
            self._path = path
            self.batch = Batch(batch_tokens)
            self._abort_flag = (ctypes.c_uint8 * 2)()
            self.renew()
        except BaseException:
            self.close()
            raise

    def renew(self) -> None:
        """Make the context anew: the cache is empty, and what went wrong in it is gone. Samplers stay good.

        Raises:
            ChatError: there is no memory for it.
        """
        self._free_context()
        self._context = self._make_context(self._path, self._parameters)
        self._memory = llama_cpp.llama_get_memory(self._context)
        # llama.cpp asks the callback after every tensor operation. A Python function would need the GIL a thousand times a
        # step; libc's strlen needs none, and the length of a one-byte flag is the answer: 0 goes on, 1 stops.
        stop_if_set = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.ggml_abort_callback)
        llama_cpp.llama_set_abort_callback(self._context, stop_if_set, ctypes.cast(self._abort_flag, ctypes.c_void_p))

    def _make_context(self, path: Path, params: Any) -> Any:
        if not llama_cpp.llama_model_has_decoder(self._model):
            raise ChatError(f"{path.name} is not a model that writes text; choose a chat model in llm.model")
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise ChatError(
                f"no context of {params.n_ctx} tokens for {path.name}: {last_error('out of memory?')}; "
                "lower llm.context_tokens or llm.conversations"
            )
        return context

    def close(self) -> None:
        """Free everything. May be called again."""
        self._free_context()
        super().close()

    def _free_context(self) -> None:
        context, self._context = self._context, None
        if context:
            llama_cpp.llama_free(context)

    # --- computing -----------------------------------------------------------------------------------------------------------

    def decode(self) -> Decoded:
        """Compute :attr:`batch`. Releases the GIL."""
        code = llama_cpp.llama_decode(self._context, self.batch.struct)
        return Decoded(code) if code in (0, 1, 2) else Decoded.FAILED

    def abort(self, stop: bool = True) -> None:
        """Stop the decode that runs now (on the CPU, within one tensor operation); ``False`` takes that back. Thread-safe."""
        self._abort_flag[0] = int(stop)

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """The logits, (vocabulary,), after the batch's token ``row``; a view that the next decode overwrites."""
        pointer = llama_cpp.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary,))

    def sample(self, sampler: "Sampler", row: int) -> int:
        """Choose the token after the batch's token ``row``."""
        return int(llama_cpp.llama_sampler_sample(sampler.chain, self._context, row))

    # --- the cache -----------------------------------------------------------------------------------------------------------

    def truncate(self, sequence: int, length: int) -> bool:
        """Forget a sequence from position ``length`` on. False: it cannot forget in part, and all of it was forgotten."""
        if llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return True
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def snapshot(self, sequence: int) -> "ctypes.Array[ctypes.c_uint8]":
        """What the cache holds of a sequence."""
        size = int(llama_cpp.llama_state_seq_get_size(self._context, sequence))
        state: ctypes.Array[ctypes.c_uint8] = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(self._context, state, size, sequence)
        return state

    def restore(self, sequence: int, state: "ctypes.Array[ctypes.c_uint8]") -> bool:
        """Let a sequence hold what another one held at its :meth:`snapshot`. False: it holds nothing."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return bool(llama_cpp.llama_state_seq_set_data(self._context, state, len(state), sequence))


class Batch:
    """The tokens of one step."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        self._sequence_pointers = (self._sequences.ctypes.data + 4 * np.arange(capacity)).astype(np.uintp)
        fields: dict[str, npt.NDArray[Any]] = {
            "token": self._tokens,
            "pos": self._positions,
            "n_seq_id": self._ones,
            "logits": self._outputs,
        }
        fields["seq_id"] = self._sequence_pointers
        self.struct = llama_cpp.llama_batch()
        kinds: dict[str, Any] = {field[0]: field[1] for field in self.struct._fields_}
        for name, array in fields.items():
            setattr(self.struct, name, ctypes.cast(array.ctypes.data, kinds[name]))

    def __len__(self) -> int:
        return int(self.struct.n_tokens)

    def clear(self) -> None:
        """Take all tokens out."""
        self.struct.n_tokens = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int]) -> int:
        """Append consecutive tokens of a sequence; returns the row of the first. The caller keeps to the capacity."""
        start = len(self)
        end = start + len(tokens)
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens))
        self._sequences[start:end] = sequence
        self._outputs[start:end] = 0
        self.struct.n_tokens = end
        return start

    def want_logits(self, row: int) -> None:
        """Ask for the logits after the token ``row``."""
        self._outputs[row] = 1


class Sampler:
    """How the next token is chosen; holds the state of one reply. The repeat penalty looks at that reply alone.

    Args:
        vocabulary: tokens of the model.
        temperature: 0 is greedy.
        top_p: nucleus sampling, above 0 to 1.
        repeat_penalty: divides the logits of what the reply's last 64 tokens hold; 1 is none.
        seed: of the random choice.
    """

    def __init__(self, vocabulary: int, *, temperature: float, top_p: float, repeat_penalty: float, seed: int) -> None:
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        # The penalty takes at most 64 tokens back, so the best of 128 are all that can win; it is slow over a whole vocabulary.
        stages = [llama_cpp.llama_sampler_init_top_k(128)]
        if repeat_penalty != 1.0:
            stages.append(llama_cpp.llama_sampler_init_penalties(vocabulary, 64, repeat_penalty, 0.0, 0.0))
        if temperature > 0:
            stages += [
                llama_cpp.llama_sampler_init_top_p(top_p, 1),
                llama_cpp.llama_sampler_init_temp(temperature),
                llama_cpp.llama_sampler_init_dist(seed & 0xFFFFFFFF),
            ]
        else:
            stages.append(llama_cpp.llama_sampler_init_greedy())
        for stage in stages:
            llama_cpp.llama_sampler_chain_add(chain, stage)
        self.chain = chain

    def close(self) -> None:
        """Free it. May be called again."""
        chain, self.chain = self.chain, None
        if chain:
            llama_cpp.llama_sampler_free(chain)


def logprob(logits: npt.NDArray[np.float32], token: int) -> float:
    """The natural-log probability of ``token`` under ``logits``."""
    top = float(logits.max())
    return float(logits[token]) - top - float(np.log(np.exp(logits - top).sum()))
