"""SGLang as a verifier: ``POST /generate`` with ``input_ids``, ``return_logprob`` and ``logprob_start_len``.

With ``logprob_start_len`` = s SGLang gives a row for every input token from s on, that of token s itself being None, and
keeps its radix cache for what is before. So s is one less than the prefix is long; the row of input token i is what the
model expected there, ``top_logprobs_num`` tokens of it. The token it generates (``max_new_tokens`` 1) gives the row behind
the draft.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import numpy as np

from voice.core.errors import BadVerdict, VerifierError
from voice.draft import http
from voice.draft.acceptance import Sampling
from voice.draft.verifier import Block, Chosen, DraftVerdict, Identity

MAX_TOP = 128
"""Of a sampled target's top-k: what is asked for at most."""


class SglangVerifier:
    """:class:`~voice.draft.verifier.Verifier` on an SGLang server. Open it with :meth:`connect`."""

    depth = 1

    def __init__(self, client: Any, identity: Identity) -> None:
        self._http = client
        self._rng = np.random.default_rng()
        self.identity = identity

    @classmethod
    async def connect(cls, url: str, *, key: str = "", within_s: float = 3.0) -> "SglangVerifier":
        """Ask who is there.

        Raises:
            VerifierError: nobody, or not SGLang.
        """
        client = http.client(url, key, within_s=within_s)
        try:
            response = await client.get("/get_model_info")
            found = response.json() if response.status_code < 400 else None
        except Exception as error:
            await client.aclose()
            raise VerifierError(f"no SGLang server at {url} ({type(error).__name__}); check draft.url") from error
        if not isinstance(found, dict) or not isinstance(found.get("model_path"), str):
            await client.aclose()
            raise VerifierError(f"{url} is not an SGLang server (GET /get_model_info, HTTP {response.status_code})")
        rtt_ms = await http.rtt_ms(client, "/get_model_info")
        return cls(client, Identity(found["model_path"], version=str(found.get("weight_version", "")), rtt_ms=rtt_ms))

    async def verify(self, block: Block) -> DraftVerdict:
        """See :class:`~voice.draft.verifier.Verifier`. Sampled targets need a top-k of at most 128."""
        if not http.can_judge(block.sampling, MAX_TOP):
            raise VerifierError(f"a sampled target is verified with a top-k of 1 to {MAX_TOP} only")
        top = 1 if block.sampling.greedy else block.sampling.top_k
        began_s = time.perf_counter()
        answer = await http.post(self._http, "/generate", _question(block, top))
        rows, drafted = _rows(answer, len(block.draft))
        if drafted != [proposal.token for proposal in block.draft]:
            raise BadVerdict("SGLang's rows are for another draft")
        self._note_version(answer)
        accepted, tokens = http.judge(block, rows, self._rng, given=top)
        compute_s = answer.get("meta_info", {}).get("e2e_latency", 0.0)
        elapsed_s = time.perf_counter() - began_s
        in_time = isinstance(compute_s, int | float) and 0 <= compute_s <= elapsed_s
        return DraftVerdict(accepted, tokens, compute_ms=1e3 * compute_s if in_time else 0.0)

    async def stream(self, prefix: Sequence[int], *, max_tokens: int, sampling: Sampling) -> AsyncGenerator[Chosen, None]:
        """See :class:`~voice.draft.verifier.Verifier`."""
        body = {
            "input_ids": list(prefix),
            "sampling_params": {"max_new_tokens": max_tokens, "no_stop_trim": True, **_sampling(sampling)},
            "return_logprob": True,
            "stream": True,
        }
        seen = 0
        async for event in http.events(self._http, "/generate", body):
            try:
                pairs = event["meta_info"]["output_token_logprobs"]
                for logprob, token, *_ in pairs[seen:]:
                    yield Chosen(int(token), float(logprob))
                seen = len(pairs)
            except (KeyError, TypeError, ValueError) as error:
                raise BadVerdict("SGLang's stream holds no tokens") from error

    async def aclose(self) -> None:
        """Close the connections. May be called again."""
        await self._http.aclose()

    def _note_version(self, answer: Any) -> None:
        version = answer.get("meta_info", {}).get("weight_version")
        if version is not None and self.identity.version and str(version) != self.identity.version:
            raise BadVerdict("SGLang's weights have changed in the middle of the conversation")


def _question(block: Block, top: int) -> dict[str, Any]:
    return {
        "input_ids": [*block.prefix, *(proposal.token for proposal in block.draft)],
        "sampling_params": {"max_new_tokens": 1, "temperature": 0.0},
        "return_logprob": True,
        "logprob_start_len": len(block.prefix) - 1,
        "top_logprobs_num": top,
    }


def _sampling(sampling: Sampling) -> dict[str, Any]:
    return {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k or -1}


def _rows(answer: Any, drafted: int) -> tuple[list[dict[int, float]], list[int]]:
    """The rows before each draft token and behind the last, and the draft as SGLang has seen it."""
    try:
        meta = answer["meta_info"]
        inputs = meta["input_token_logprobs"][1:]
        tops = [*meta["input_top_logprobs"][1:], *meta["output_top_logprobs"][:1]]
        rows = [{int(token): float(logprob) for logprob, token, *_ in row} for row in tops]
        seen = [int(token) for _, token, *_ in inputs]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadVerdict("SGLang's answer holds no rows; it needs return_logprob") from error
    if len(seen) != drafted:
        raise BadVerdict(f"{len(seen)} rows of SGLang's for a draft of {drafted} tokens")
    return rows, seen
