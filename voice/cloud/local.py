"""A cloud of one's own: llama-cpp-python's OpenAI-compatible server with any GGUF, for one machine and for the tests.

Two things are added to it, by its own way of registering chat formats: a last message of the assistant's is *continued* (as
llama-server and vLLM can), and a streamed answer ends with the engine's own token figures.
"""

import argparse
import copy
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from voice.core.errors import ConfigError

FORMAT = "voice-continue"


def application(model: Path, *, alias: str, key: str, context_tokens: int, threads: int) -> Any:
    """The server as an ASGI application, its model loaded. Blocks for seconds.

    Raises:
        ConfigError: the server's packages are missing, or the file is no model that generates text.
    """
    try:
        from llama_cpp.server.app import create_app
        from llama_cpp.server.settings import ModelSettings, ServerSettings
    except ImportError as error:
        raise ConfigError(
            f"voice cloud needs packages that are not installed ({error}); run scripts/start once more"
        ) from error
    _register()
    os.environ.pop("CONFIG_FILE", None)  # the server would take that file's model instead of the one asked for
    models = [
        ModelSettings(
            model=str(model),
            model_alias=alias,
            n_ctx=context_tokens,
            n_threads=threads,
            n_threads_batch=threads,
            logits_all=False,  # the server's default computes the logits of every token of the prompt
            chat_format=FORMAT,
            verbose=False,
        )
    ]
    server = ServerSettings(api_key=key or None, interrupt_requests=False, disable_ping_events=False)
    try:
        return create_app(server_settings=server, model_settings=models)
    except (ValueError, RuntimeError, OSError, AssertionError) as error:
        raise ConfigError(f"{model} cannot be served: {error}; is it a GGUF that generates text?") from error


def _register() -> None:
    from llama_cpp import llama_chat_format as formats

    registry: Any = formats.LlamaChatCompletionHandlerRegistry
    registry().register_chat_completion_handler(FORMAT, _Continuing(), overwrite=True)


class _Continuing:
    """A chat handler: the model's own template, a trailing assistant message left open, usage at the end of a stream."""

    def __init__(self) -> None:
        self._formatter: Any = None

    def __call__(self, *, llama: Any, messages: list[Any], **options: Any) -> Any:
        from llama_cpp import llama_chat_format as formats

        self._formatter = self._formatter or _formatter(llama)
        formatter = self._formatter
        begun = messages[-1]["content"] if messages and messages[-1]["role"] == "assistant" else ""
        spoken = messages[:-1] if begun else messages
        counts = _Counts(llama)

        def continuing(*, messages: list[Any], **more: Any) -> Any:
            response = formatter(messages=messages, **more)
            if begun:
                response = copy.copy(response)
                response.prompt += begun
            counts.prompt(response.prompt, add_bos=not response.added_special)
            response.stopping_criteria = counts.criteria(response.stopping_criteria)
            return response

        answer: Any = formats.chat_formatter_to_chat_completion_handler(continuing)(llama=llama, messages=spoken, **options)
        return counts.following(answer) if options.get("stream") else answer


class _Counts:
    """The tokens of one request, as the engine reads and writes them."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self._read = self._cached = self._written = 0

    def prompt(self, text: str, *, add_bos: bool) -> None:
        """Note what is read, and how much of it the engine holds already."""
        tokens = self._llama.tokenize(text.encode("utf-8"), add_bos=add_bos, special=True)
        held = self._llama.input_ids[: self._llama.n_tokens].tolist()
        self._read = len(tokens)
        self._cached = next(
            (i for i, (a, b) in enumerate(zip(held, tokens, strict=False)) if a != b), min(len(held), len(tokens))
        )
        self._cached = min(self._cached, self._read - 1)  # the last one is always read anew

    def criteria(self, others: Any) -> Any:
        """Stopping criteria that never stop: they are asked once a token."""
        from llama_cpp import StoppingCriteriaList

        def count(_tokens: Any, _logits: Any) -> bool:
            self._written += 1
            return False

        return StoppingCriteriaList([count, *(others or ())])

    def following(self, chunks: Iterator[Any]) -> Iterator[Any]:
        """The stream, and its figures behind it; an error in it is an event of its own, as endpoints send it."""
        last: dict[str, Any] = {}
        try:
            for chunk in chunks:
                last = chunk
                yield chunk
        except ValueError as error:  # the context is too small: raised here, it would only break the connection off
            yield {"error": {"message": str(error), "type": "invalid_request_error", "code": "context_length_exceeded"}}
            return
        # the criteria are asked once more at the end, and for the token that ends the answer
        self._written -= 2 if last and last["choices"][0]["finish_reason"] == "stop" else 1
        yield {
            **{key: last.get(key) for key in ("id", "model", "created", "object")},
            "choices": [],
            "usage": {
                "prompt_tokens": self._read,
                "completion_tokens": max(0, self._written),
                "total_tokens": self._read + max(0, self._written),
                "prompt_tokens_details": {"cached_tokens": self._cached},
            },
        }


def _formatter(llama: Any) -> Callable[..., Any]:
    from llama_cpp import llama_chat_format as formats

    template = llama.metadata.get("tokenizer.chat_template")
    if not template:
        chatml: Callable[..., Any] = formats.format_chatml
        return chatml
    eos, bos = llama.token_eos(), llama.token_bos()
    return formats.Jinja2ChatFormatter(
        template=template,
        eos_token=llama._model.token_get_text(eos) if eos != -1 else "",
        bos_token=llama._model.token_get_text(bos) if bos != -1 else "",
        stop_token_ids=[eos] if eos != -1 else None,
    )


KEY = "VOICE_STANDIN_KEY"
"""The environment variable that carries the key to the child process."""


def end_with_parent() -> None:
    """End this process when its standard input does: whoever started it is gone, even if it was killed."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="voice-parent", daemon=True).start()


def main() -> None:
    """Serve until told to stop, or until standard input ends."""
    import uvicorn

    end_with_parent()

    parser = argparse.ArgumentParser(prog="python -m voice.cloud.local")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    served = application(
        asked.model, alias=asked.name, key=os.environ.get(KEY, ""), context_tokens=asked.context, threads=asked.threads
    )
    uvicorn.run(served, host=asked.host, port=asked.port, log_level="warning")


if __name__ == "__main__":
    main()
