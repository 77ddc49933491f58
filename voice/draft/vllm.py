"""vLLM as a verifier: ``POST /v1/completions`` with token-id prompts.

A block is one request of several prompts: the prefix with none of the draft's tokens, with one, with two, and so on. Each has
one token generated, and the most probable tokens of that place are a row (``logprobs``). The prefix is in vLLM's cache, and
the prompts are computed in one batch. ``prompt_logprobs`` would give the same rows for one prompt, but it skips the cache and
answers for every token of the prefix: with vLLM 0.32 it costs more from some 150 tokens on, and a row of twenty tokens is a
kilobyte and a half for each of them.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from voice.core.errors import BadVerdict, VerifierError
from voice.draft import http
from voice.draft.acceptance import Sampling
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity

MAX_TOP = 20
"""vLLM's own limit (``--max-logprobs``)."""

PLAIN: Mapping[str, Any] = {
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_p": 0.0,
    "skip_special_tokens": False,
    "return_tokens_as_token_ids": True,
}
"""Said with every question: what is not said vLLM takes from the model's ``generation_config.json``, penalties included. They
would change what is streamed and not the probabilities that drafts are judged by."""


class VllmVerifier:
    """:class:`~voice.draft.verifier.Verifier` on a vLLM server. Open it with :meth:`connect`."""

    depth = 1

    def __init__(self, client: Any, identity: Identity) -> None:
        self._http = client
        self._rng = np.random.default_rng()
        self.identity = identity

    @classmethod
    async def connect(cls, url: str, *, model: str = "", key: str = "", within_s: float = 3.0) -> "VllmVerifier":
        """Ask who is there.

        Raises:
            VerifierError: nobody, not an OpenAI-compatible server, or it has no such model.
        """
        client = http.client(url, key, within_s=within_s)
        try:
            response = await client.get("/v1/models")
            names = [entry["id"] for entry in response.json()["data"]]
        except Exception as error:
            await client.aclose()
            raise VerifierError(f"no vLLM server at {url} ({type(error).__name__}); check draft.url") from error
        if not names or (model and model not in names):
            await client.aclose()
            raise VerifierError(f"{url} has no model {model!r} but {', '.join(map(str, names))[:200]}; set draft.model")
        return cls(client, Identity(model or names[0], rtt_ms=await http.rtt_ms(client, "/v1/models")))

    async def verify(self, block: Block) -> DraftVerdict:
        """See :class:`~voice.draft.verifier.Verifier`. Sampled targets need a top-k of at most 20."""
        if not http.can_judge(block.sampling, MAX_TOP):
            raise VerifierError(f"a sampled target is verified with a top-k of 1 to {MAX_TOP} only")
        top = 1 if block.sampling.greedy else block.sampling.top_k
        drafted = [proposal.token for proposal in block.draft]
        body: dict[str, Any] = {
            "model": self.identity.model,
            "prompt": [[*block.prefix, *drafted[:count]] for count in range(len(drafted) + block.bonus)],
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": top,
            **PLAIN,
        }
        began_s = time.perf_counter()
        answer = await http.post(self._http, "/v1/completions", body)
        elapsed_ms = (time.perf_counter() - began_s) * 1e3
        rows = _rows(answer, body["prompt"], top)
        self._note_version(answer)
        accepted, tokens = http.judge(block, rows, self._rng, given=top)
        return DraftVerdict(accepted, tokens, compute_ms=max(0.0, elapsed_ms - self.identity.rtt_ms))

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        body = {
            "model": self.identity.model,
            "prompt": list(prefix),
            "max_tokens": max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "logprobs": 1,
            "include_stop_str_in_output": True,
            "stream": True,
            **PLAIN,
        }
        async for event in http.events(self._http, "/v1/completions", body):
            if isinstance(event, dict) and "error" in event:
                raise VerifierError(f"vLLM failed in the middle of a reply: {str(event['error'])[:200]}")
            try:
                self._note_version(event)
                for choice in event["choices"]:
                    found = choice.get("logprobs") or {"tokens": [], "token_logprobs": []}
                    for name, logprob in zip(found["tokens"], found["token_logprobs"], strict=True):
                        yield Chosen(_number(name), float(logprob))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise BadVerdict("vLLM's stream holds no token numbers") from error

    async def aclose(self) -> None:
        """Close the connections. May be called again."""
        await self._http.aclose()

    def _note_version(self, answer: Mapping[str, Any]) -> None:
        """Newer versions sign their answers, with their own version and a hash of their settings."""
        if answer.get("model", self.identity.model) != self.identity.model:
            raise BadVerdict("another model answers in the middle of the conversation")
        known, version = self.identity.version, answer.get("system_fingerprint")
        if not version or version == known:
            return
        if known:
            raise BadVerdict(f"vLLM was {known} and is {version} in the middle of the conversation")
        self.identity = replace(self.identity, version=str(version))


def _number(name: str) -> int:
    """``token_id:123`` is 123."""
    return int(name.removeprefix("token_id:"))


def _rows(answer: Any, prompts: Sequence[Sequence[int]], top: int) -> list[dict[int, float]]:
    """The most probable tokens behind each prompt."""
    try:
        choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
        rows = [_row(choice["logprobs"]["top_logprobs"][0], top) for choice in choices]
        read = int(answer["usage"]["prompt_tokens"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadVerdict("vLLM's answer holds no rows; it needs logprobs") from error
    if [choice["index"] for choice in choices] != list(range(len(prompts))):
        raise BadVerdict(f"{len(rows)} rows of vLLM's for {len(prompts)} places")
    if read != sum(map(len, prompts)):
        raise BadVerdict("vLLM's rows are for another draft")
    return rows


def _row(entry: Mapping[str, float], top: int) -> dict[int, float]:
    """The generated token may be in the entry beside the most probable ones."""
    found = {_number(name): float(logprob) for name, logprob in entry.items()}
    return {token: found[token] for token in sorted(found, key=lambda token: -found[token])[:top]}
