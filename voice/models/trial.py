"""One trial of one GGUF file, in a process of its own: a build or a file that crashes takes only this process with it.

``python -m voice.models.trial quantise SOURCE TARGET q4_0`` writes another quantisation; with ``weighed`` behind it, one made
by the importance of each column (:mod:`voice.models.importance`);
``python -m voice.models.trial measure FILE THREADS REFERENCE.npz`` prints a JSON object with ``prefill_ms``, ``decode_ms``,
``agreement`` and ``divergence``. When REFERENCE.npz does not exist yet, the file answers the prompts and becomes it;
``python -m voice.models.trial time FILE THREADS`` prints the two times alone.

Strategy: closeness is measured where it can be measured exactly, with the reference's own answers forced on the candidate: how
often is the reference's next token also the candidate's first choice, and how far are their distributions apart? Free-running
answers differ from the first disagreement on, and would only say that there was one.
"""

import ctypes
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from voice.models.importance import QUESTIONS, Columns, ImportanceWatch, apply, importance

PROMPTS = (
    "What is the capital of France?",
    "How do I boil an egg?",
    "Why is the sky blue?",
    "What should I wear when it rains?",
    "How many days are there in a week?",
    "Give me a tip for sleeping better.",
    "What is a good name for a dog?",
    "Say hello to my grandmother.",
)
ANSWER_TOKENS = 24
PREFILL_TOKENS = 36
CONTEXT_TOKENS = 512
KEPT = 256
"""Of each reference distribution the most probable tokens that are compared; the rest is one lump."""

QUANTISATIONS = {"q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0}
KEPT_AT_8_BITS = (b"attn_k", b"attn_v")
"""With grouped attention they are a twentieth of the weights, and the ones that matter most."""

Logits = npt.NDArray[np.float32]
LogP = npt.NDArray[np.float64]


class TrialEngine:
    """One loaded model with one sequence, through the low-level API."""

    def __init__(self, path: Path, *, threads: int, watch: ImportanceWatch | None = None) -> None:
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        if not self._model:
            raise RuntimeError("llama.cpp cannot load the file")
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = CONTEXT_TOKENS
        settings.n_threads = settings.n_threads_batch = threads
        if watch is not None:
            settings.cb_eval = watch.callback
        self._context = llama_cpp.llama_init_from_model(self._model, settings)
        if not self._context:
            raise RuntimeError("llama.cpp cannot make a context")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._vocabulary_size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self._position = 0

    def forget(self) -> None:
        """Begin again."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        self._position = 0

    def decode(self, tokens: Sequence[int], *, last_only: bool = True) -> Logits:
        """Append tokens; the logits after each of them, or after the last: shape (n, vocabulary)."""
        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for index, token in enumerate(tokens):
                batch.token[index] = token
                batch.pos[index] = self._position + index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = int(not last_only or index == len(tokens) - 1)
            if (status := llama_cpp.llama_decode(self._context, batch)) != 0:
                raise RuntimeError(f"llama.cpp cannot decode: status {status}")
        finally:
            llama_cpp.llama_batch_free(batch)
        self._position += len(tokens)
        wanted = [-1] if last_only else range(len(tokens))
        rows = [llama_cpp.llama_get_logits_ith(self._context, index) for index in wanted]
        return np.stack([np.ctypeslib.as_array(row, (self._vocabulary_size,)) for row in rows])

    def chat(self, prompt: str) -> list[int]:
        """The tokens of a conversation that asks ``prompt``, in the model's own chat format."""
        message = llama_cpp.llama_chat_message(b"user", prompt.encode())
        room = ctypes.create_string_buffer(8192)
        template = llama_cpp.llama_model_chat_template(self._model, None)
        size = llama_cpp.llama_chat_apply_template(template, ctypes.byref(message), 1, True, room, len(room))
        text = room.raw[:size] if 0 < size <= len(room) else prompt.encode()
        tokens = (llama_cpp.llama_token * CONTEXT_TOKENS)()
        count = llama_cpp.llama_tokenize(self.vocabulary, text, len(text), tokens, CONTEXT_TOKENS, True, True)
        if not 0 < count < CONTEXT_TOKENS - ANSWER_TOKENS:
            raise RuntimeError("llama.cpp cannot tokenise the prompt")
        return list(tokens[:count])

    def answer(self, prompt: Sequence[int]) -> list[int]:
        """The greedy answer to a prompt, without its end mark."""
        self.forget()
        logits, tokens = self.decode(prompt)[0], list[int]()
        while len(tokens) < ANSWER_TOKENS:
            token = int(logits.argmax())
            if llama_cpp.llama_vocab_is_eog(self.vocabulary, token):
                break
            tokens.append(token)
            logits = self.decode([token])[0]
        return tokens


def log_softmax(logits: Logits) -> LogP:
    """Natural-log probabilities along the last axis."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float64)


def divergence(reference: LogP, candidate: LogP, *, kept: int = KEPT) -> LogP:
    """KL(reference ‖ candidate) in nats for each row: over the ``kept`` most probable tokens, and the rest as one."""
    top = np.argsort(-reference, axis=-1)[..., :kept]
    p = np.take_along_axis(np.exp(reference), top, -1)
    q = np.take_along_axis(np.exp(candidate), top, -1)
    p = np.concatenate([p, 1 - p.sum(-1, keepdims=True)], -1).clip(1e-12)
    q = np.concatenate([q, 1 - q.sum(-1, keepdims=True)], -1).clip(1e-12)
    return np.asarray((p * np.log(p / q)).sum(-1), dtype=np.float64)


def compare(engine: TrialEngine, reference: Path) -> tuple[float, float]:
    """``(agreement, divergence)`` with the reference, which is made of this engine when there is none."""
    made: dict[str, npt.NDArray[Any]] = {}
    known = np.load(reference) if reference.exists() else None
    agreements, divergences = [], []
    for index, text in enumerate(PROMPTS):
        prompt = engine.chat(text)
        tokens = engine.answer(prompt) if known is None else known[f"tokens{index}"].tolist()
        if not tokens:
            continue
        engine.forget()
        own = log_softmax(engine.decode(prompt + tokens[:-1], last_only=False)[len(prompt) - 1 :])
        theirs = own if known is None else known[f"log_p{index}"].astype(np.float64)
        agreements += list(own.argmax(-1) == np.asarray(tokens))
        divergences += list(divergence(theirs, own))
        made |= {f"tokens{index}": np.asarray(tokens), f"log_p{index}": own.astype(np.float32)}
    if not agreements:
        raise RuntimeError("the model answered nothing to any prompt")
    if known is None:
        np.savez(reference, **made)  # type: ignore[arg-type]
    return float(np.mean(agreements)), float(np.mean(divergences))


def time_it(engine: TrialEngine, *, rounds: int = 9) -> tuple[float, float]:
    """``(prefill_ms, decode_ms)`` of 36 tokens in one batch and of one token: the least disturbed of the rounds."""
    tokens = (engine.chat(PROMPTS[0]) * PREFILL_TOKENS)[:PREFILL_TOKENS]
    prefill, decode = [], []
    for round_ in range(rounds + 1):
        engine.forget()
        begin = time.perf_counter()
        engine.decode(tokens)
        between = time.perf_counter()
        for _ in range(4):
            engine.decode([tokens[-1]])
        if round_:  # the first one warms up
            prefill.append((between - begin) * 1e3)
            decode.append((time.perf_counter() - between) * 1e3 / 4)
    return min(prefill), min(decode)


def weigh(source: Path) -> Columns:
    """The importance of a model's columns, by its own answers."""
    engine = TrialEngine(source, threads=1)
    prompts = [engine.chat(question) for question in QUESTIONS]
    texts = [[*prompt, *engine.answer(prompt)] for prompt in prompts]
    watch = ImportanceWatch()
    watched = TrialEngine(source, threads=1, watch=watch)

    def read(text: Sequence[int]) -> None:
        watched.forget()
        watched.decode(text, last_only=False)

    return importance(texts, read, watch)


def quantise(source: Path, target: Path, kind: str, *, weighed: bool = False) -> None:
    """Write ``source`` in another quantisation, from whatever it is quantised to now.

    Args:
        source: a GGUF.
        target: another.
        kind: the quantisation.
        weighed: by the importance of each column; the matrices of attention's keys and values then stay at Q8_0.
    """
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = QUANTISATIONS[kind]
    settings.allow_requantize = True
    alive = apply(settings, weigh(source), KEPT_AT_8_BITS) if weighed else []
    status = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(settings))
    alive.clear()
    if status != 0:
        raise RuntimeError(f"llama.cpp cannot quantise to {kind}: status {status}")


def main(arguments: Sequence[str]) -> None:
    """The command line of the child."""
    llama_cpp.llama_backend_init()
    if arguments[0] == "quantise":
        quantise(Path(arguments[1]), Path(arguments[2]), arguments[3], weighed="weighed" in arguments[4:])
        return
    engine = TrialEngine(Path(arguments[1]), threads=int(arguments[2]))
    result: dict[str, float] = {}
    if arguments[0] == "measure":
        agreement, distance = compare(engine, Path(arguments[3]))
        result |= {"agreement": agreement, "divergence": distance}
    prefill_ms, decode_ms = time_it(engine)
    result |= {"prefill_ms": prefill_ms, "decode_ms": decode_ms}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
