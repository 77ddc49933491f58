"""vLLM as a verifier: ``POST /v1/completions`` with a token-id prompt and ``prompt_logprobs``.

``prompt_logprobs`` = n gives a row for each prompt token but the first (None): the n most probable tokens there and the
prompt's own. The token that is generated gives the row behind the draft (``logprobs``). Prompts with ``prompt_logprobs``
skip vLLM's prefix cache unless the server allows otherwise, so the whole prefix is computed each time: such rounds cost what
a prefill does.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from voice.draft import http
from voice.draft.acceptance import Sampling
from voice.draft.verifier import Block, Chosen, Identity, Verdict
from voice.errors import BadVerdict, VerifierError

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

    async def verify(self, block: Block) -> Verdict:
        """See :class:`~voice.draft.verifier.Verifier`. Sampled targets need a top-k of at most 20."""
        if not http.can_judge(block.sampling, MAX_TOP):
            raise VerifierError(f"a sampled target is verified with a top-k of 1 to {MAX_TOP} only")
        top = 1 if block.sampling.greedy else block.sampling.top_k
        drafted = [proposal.token for proposal in block.draft]
        body = {
            "model": self.identity.model,
            "prompt": [*block.prefix, *drafted],
            "max_tokens": 1,
            "temperature": 0.0,
            "logprobs": top,
            "prompt_logprobs": top,
            **PLAIN,
        }
        began_s = time.perf_counter()
        answer = await http.post(self._http, "/v1/completions", body)
        elapsed_ms = (time.perf_counter() - began_s) * 1e3
        rows = _rows(answer, len(block.prefix), drafted, top)
        self._note_version(answer)
        accepted, tokens = http.judge(block, rows, self._rng, given=top)
        return Verdict(accepted, tokens, compute_ms=max(0.0, elapsed_ms - self.identity.rtt_ms))

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


def _row(entry: Mapping[str, Any], top: int) -> dict[int, float]:
    """The most probable tokens of a place: the prompt's own is in the entry too, whatever its rank."""
    return {int(token): float(found["logprob"]) for token, found in entry.items() if int(found.get("rank") or 1) <= top}


def _rows(answer: Any, prefix: int, drafted: Sequence[int], top: int) -> list[dict[int, float]]:
    """The rows before each draft token and behind the last."""
    try:
        choice = answer["choices"][0]
        entries = choice["prompt_logprobs"][prefix:]
        if any(str(token) not in entry for token, entry in zip(drafted, entries, strict=False)):
            raise BadVerdict("vLLM's rows are for another draft")
        rows = [_row(entry, top) for entry in entries]
        behind = choice["logprobs"]["top_logprobs"][0]
        last = {_number(name): float(logprob) for name, logprob in behind.items()}
        best = sorted(last, key=lambda token: -last[token])[:top]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadVerdict("vLLM's answer holds no rows; it needs prompt_logprobs") from error
    if len(rows) != len(drafted):
        raise BadVerdict(f"{len(rows)} rows of vLLM's for a draft of {len(drafted)} tokens")
    return [*rows, {token: last[token] for token in best}]
