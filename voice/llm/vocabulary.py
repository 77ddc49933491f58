"""A GGUF's tokens and texts, with or without its weights, by llama.cpp's C interface."""

import ctypes
import logging
import threading
from pathlib import Path
from typing import Any

import llama_cpp

from voice.core.errors import ChatError

log = logging.getLogger(__name__)

_ERROR_LEVEL = 3
_recent_errors: list[str] = []


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _: object) -> None:
    if level == _ERROR_LEVEL:
        line = text.decode(errors="replace").strip()
        del _recent_errors[:-7]
        _recent_errors.append(line)
        log.debug("llama.cpp: %s", line)


class Vocabulary:
    """What is text in a GGUF: its tokens, special tokens and metadata. Thread-safe.

    Args:
        path: a GGUF file.
        gpu_layers: layers on a GPU; -1 for all.
        text_only: without the weights, which need not be in the file then.

    Raises:
        ChatError: the file is not a GGUF, or is damaged.

    Attributes:
        vocabulary: how many tokens there are.
    """

    def __init__(self, path: Path, *, gpu_layers: int = 0, text_only: bool = False) -> None:
        _check_gguf(path)
        self._model: Any = None
        self._text_lock = threading.Lock()  # the vocabulary must not go while another thread reads it
        self._endings: frozenset[int] | None = None
        _recent_errors.clear()
        llama_cpp.llama_log_set(_on_log, None)
        llama_cpp.llama_backend_init()
        self._model = _load(path, gpu_layers, text_only=text_only)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.vocabulary = int(llama_cpp.llama_vocab_n_tokens(self._vocab))

    def close(self) -> None:
        """Free it. May be called again."""
        with self._text_lock:
            model, self._model = self._model, None
        if model:
            llama_cpp.llama_model_free(model)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """The tokens of ``text``. Control tokens spelled in it are recognised only if ``special``. Thread-safe."""
        data = text.encode("utf-8", errors="replace")
        capacity = len(data) + 8
        tokens = (llama_cpp.llama_token * capacity)()
        with self._text_lock:
            if not self._model:
                raise ChatError("the language model is closed")
            count = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, capacity, False, special)
        if count < 0:
            raise ChatError(f"the model's tokenizer cannot take a text of {len(data)} bytes")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; a control token stands for none. Thread-safe."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            with self._text_lock:
                if not self._model:
                    raise ChatError("the language model is closed")
                count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def ends_reply(self, token: int) -> bool:
        """Whether a reply stops before this token: end of generation, or any other control token."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token) or llama_cpp.llama_vocab_is_control(self._vocab, token))

    def spellings(self) -> list[bytes]:
        """Every token as the vocabulary spells it, in order: control tokens too. Thread-safe."""
        with self._text_lock:
            if not self._model:
                raise ChatError("the language model is closed")
            return [bytes(llama_cpp.llama_vocab_get_text(self._vocab, token) or b"") for token in range(self.vocabulary)]

    def ending_tokens(self) -> frozenset[int]:
        """The tokens before which a reply stops. Thread-safe."""
        with self._text_lock:
            if not self._model:
                raise ChatError("the language model is closed")
            if self._endings is None:
                self._endings = frozenset(token for token in range(self.vocabulary) if self.ends_reply(token))
            return self._endings

    def metadata(self, key: str) -> str | None:
        """A text value of the GGUF's header."""
        size = llama_cpp.llama_model_meta_val_str(self._model, key.encode(), ctypes.create_string_buffer(1), 1)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        llama_cpp.llama_model_meta_val_str(self._model, key.encode(), buffer, size + 1)
        return buffer.value.decode("utf-8", errors="replace")

    def special_text(self, which: str) -> str:
        """The spelling of the ``bos`` or ``eos`` token; empty where the model has none."""
        token = {"bos": llama_cpp.llama_vocab_bos, "eos": llama_cpp.llama_vocab_eos}[which](self._vocab)
        return "" if token < 0 else str(llama_cpp.llama_vocab_get_text(self._vocab, token).decode("utf-8", errors="replace"))

    @property
    def adds_bos(self) -> bool:
        """Whether a prompt of this model begins with its beginning-of-sequence token."""
        return bool(llama_cpp.llama_vocab_get_add_bos(self._vocab))


def _check_gguf(path: Path) -> None:
    cure = "run `voice models fetch`, or set llm.model to a GGUF file"
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ChatError(f"cannot read the language model {path}: {error.strerror}; {cure}") from error
    if magic != b"GGUF":
        raise ChatError(f"{path} is not a GGUF file; {cure}")


def _load(path: Path, gpu_layers: int, *, text_only: bool) -> Any:
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    params.vocab_only = text_only
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise ChatError(
            f"llama.cpp cannot load {path.name}: {last_error('unknown architecture or damaged file')}; "
            "check it with `voice models verify`, or choose another file in llm.model"
        )
    return model


def last_error(otherwise: str) -> str:
    """What llama.cpp has complained of since the last model was opened."""
    return _recent_errors[0] if _recent_errors else otherwise
