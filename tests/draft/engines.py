"""HTTP servers on real sockets that answer in the shapes of SGLang, vLLM and OpenAI, from a known target.

The target is a table: the most probable next tokens depend on the last token alone.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

VOCABULARY = 40


def row(last: int) -> np.ndarray:
    """Natural-log probabilities of the token after ``last``."""
    logits = np.random.default_rng(last).normal(0, 2.0, VOCABULARY)
    return np.asarray(logits - np.log(np.exp(logits).sum()))


def says(prefix: Sequence[int], count: int) -> list[int]:
    """The greedy continuation."""
    tokens = list(prefix)
    for _ in range(count):
        tokens.append(int(row(tokens[-1]).argmax()))
    return tokens[len(prefix) :]


def _top(last: int, count: int) -> list[int]:
    return [int(token) for token in np.argsort(-row(last))[:count]]


def sglang(body: dict[str, Any]) -> Any:
    """``POST /generate``."""
    tokens = body["input_ids"]
    if body.get("stream"):
        reply = says(tokens, body["sampling_params"]["max_new_tokens"])
        events, pairs = [], []
        for token, last in zip(reply, [tokens[-1], *reply], strict=False):
            pairs.append([float(row(last)[token]), token, None])
            events.append({"text": "", "meta_info": {"output_token_logprobs": list(pairs)}})
        return events
    start, top = body["logprob_start_len"], body["top_logprobs_num"]
    inputs: list[Any] = [[None, tokens[start], None]]
    tops: list[Any] = [None]
    for place in range(start + 1, len(tokens)):
        last = tokens[place - 1]
        inputs.append([float(row(last)[tokens[place]]), tokens[place], None])
        tops.append([[float(row(last)[t]), t, None] for t in _top(last, top)])
    behind = [[float(row(tokens[-1])[t]), t, None] for t in _top(tokens[-1], top)]
    return {
        "text": "x",
        "meta_info": {
            "prompt_tokens": len(tokens),
            "e2e_latency": 0.0001,
            "weight_version": "default",
            "input_token_logprobs": inputs,
            "input_top_logprobs": tops,
            "output_token_logprobs": behind[:1],
            "output_top_logprobs": [behind],
        },
    }


def vllm(body: dict[str, Any]) -> Any:
    """``POST /v1/completions``, as version 0.32 answers."""
    tokens = body["prompt"]
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
    if body.get("stream"):
        reply = says(tokens, body["max_tokens"])
        events = []
        for place, (token, last) in enumerate(zip(reply, [tokens[-1], *reply], strict=False)):
            name, logprob = f"token_id:{token}", float(row(last)[token])
            found = {"text_offset": [place], "token_logprobs": [logprob], "tokens": [name], "top_logprobs": [{name: logprob}]}
            ends = {"finish_reason": None, "stop_reason": None, "prompt_token_ids": None, "token_ids": None}
            events.append({**head, "choices": [{"index": 0, "text": "x", "logprobs": found, **ends}]})
        events[-1]["choices"][0]["finish_reason"] = "length"
        return [*events[:-1], {**events[-1], "system_fingerprint": "vllm-0.32.0-c253aaed"}]
    nothing: dict[str, Any] = {"prompt_logprobs": None, "token_ids": None, "prompt_token_ids": None, "routed_experts": None}
    choices = []
    for index, prompt in enumerate(tokens):
        scores = row(prompt[-1])
        found = {f"token_id:{t}": float(scores[t]) for t in _top(prompt[-1], body["logprobs"])}
        first = next(iter(found))
        logprobs = {"text_offset": [0], "token_logprobs": [found[first]], "tokens": [first], "top_logprobs": [found]}
        reason: dict[str, Any] = {"finish_reason": "length", "stop_reason": None, **nothing}
        choices.append({"index": index, "text": "x", "logprobs": logprobs, **reason})
    read = sum(map(len, tokens))
    return {
        **head,
        "choices": choices,
        "service_tier": None,
        "system_fingerprint": "vllm-0.32.0-c253aaed",
        "usage": {"prompt_tokens": read, "total_tokens": read + len(tokens), "completion_tokens": len(tokens)},
        "metrics": None,
    }


class Engine:
    """An HTTP/1.1 server on loopback; ``change`` alters each answer before it is sent.

    An answer may be JSON, a list of events (sent as a stream), bytes (sent as they are), or None (never answered).
    """

    def __init__(self, routes: dict[str, Callable[[dict[str, Any]], Any]], change: Callable[[Any], Any] = lambda a: a) -> None:
        self._routes = routes
        self.change = change
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.status = 200

    async def __aenter__(self) -> "Engine":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                head = request.decode()
                self.headers.append(head)
                length = next(
                    (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
                )
                body = json.loads(await reader.readexactly(length)) if length else {}
                self.bodies.append(body)
                path = head.split(" ")[1]
                answer = self.change(self._routes[path](body)) if path in self._routes else b""
                if answer is None:
                    await asyncio.sleep(3600)
                await self._send(writer, answer, stream=bool(body.get("stream")))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter, answer: Any, *, stream: bool) -> None:
        kind = "application/json"
        if isinstance(answer, bytes):
            data = answer
        elif stream and isinstance(answer, list):
            kind = "text/event-stream"
            data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in answer) + b"data: [DONE]\n\n"
        else:
            data = json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()


def sglang_engine(change: Callable[[Any], Any] = lambda a: a) -> Engine:
    """Change what ``/generate`` answers."""
    return Engine(
        {
            "/get_model_info": lambda _: {"model_path": "big", "weight_version": "default", "is_generation": True},
            "/generate": lambda body: change(sglang(body)),
        }
    )


def vllm_engine(change: Callable[[Any], Any] = lambda a: a) -> Engine:
    """Change what ``/v1/completions`` answers."""
    return Engine(
        {
            "/v1/models": lambda _: {"object": "list", "data": [{"id": "big", "object": "model", "max_model_len": 1024}]},
            "/v1/completions": lambda body: change(vllm(body)),
        }
    )
