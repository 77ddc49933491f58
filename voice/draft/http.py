"""What the verifiers behind HTTP share: requests with a deadline, errors with a cure, answers that are what they claim.

Strategy: these engines know nothing of drafts. They are asked for the probabilities of a prompt's own tokens (the draft is
the prompt's end), and the rule of :mod:`voice.draft.acceptance` is applied here. A greedy target needs the first choice at
each place alone. A sampled one needs its whole distribution after the filters; the engines give the most probable few, so
that a top-k up to what they give is verified exactly, and other sampled targets are refused: then plain streaming answers.
"""

import json
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import httpx2 as httpx
import numpy as np

from voice.core.errors import BadVerdict, VerifierError
from voice.draft.acceptance import BadRow, Proposal, Sampling, choose, distribution
from voice.draft.verifier import Block, Chosen

MAX_LINE_BYTES = 1 << 20
Choices = Mapping[int, float]
"""The most probable tokens at one place, with their natural-log probabilities (temperature 1, no filters)."""


def client(url: str, key: str, *, within_s: float) -> httpx.AsyncClient:
    """An HTTP client for one engine; the deadline is of each wait for bytes."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.AsyncClient(base_url=url.rstrip("/"), headers=headers, timeout=within_s)
    except (httpx.InvalidURL, ValueError) as error:
        raise VerifierError(f"{url!r} is not an address: {error}; check draft.url") from error


async def rtt_ms(http: httpx.AsyncClient, path: str) -> float:
    """A question there and back that costs nothing to answer, on a connection that is open already; 0 if it fails."""
    began_s = time.perf_counter()
    try:
        await http.get(path)
    except Exception:  # the library's own kinds, and the system's
        return 0.0
    return (time.perf_counter() - began_s) * 1e3


async def post(http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> Any:
    """The JSON answer to a JSON question.

    Raises:
        VerifierError: there is none.
    """
    try:
        response = await http.post(path, json=body)
        _check(http, response.status_code, response.text)
        return response.json()
    except (ValueError, RecursionError) as error:
        raise VerifierError(f"{http.base_url} does not answer with JSON") from error
    except VerifierError:
        raise
    except Exception as error:  # the library's own kinds, and the system's
        raise _unreachable(http, error) from error


async def download(http: httpx.AsyncClient, path: str, *, most_bytes: int) -> bytes:
    """A file.

    Raises:
        VerifierError: there is none, or it is larger.
    """
    found = bytearray()
    try:
        async with http.stream("GET", path) as response:
            if response.status_code >= 400:
                _check(http, response.status_code, (await response.aread()).decode("utf-8", "replace"))
            async for piece in response.aiter_bytes():
                found += piece
                _check_size(http, path, len(found), most_bytes)
    except VerifierError:
        raise
    except Exception as error:  # the library's own kinds, and the system's
        raise _unreachable(http, error) from error
    return bytes(found)


async def events(http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    """The JSON objects of a server-sent stream, up to ``[DONE]`` or its end.

    Raises:
        VerifierError: it failed, or broke off in the middle of an object.
    """
    try:
        async with http.stream("POST", path, json=body) as response:
            if response.status_code >= 400:
                _check(http, response.status_code, (await response.aread()).decode("utf-8", "replace"))
            async for line in response.aiter_lines():
                _check_size(http, path, len(line), MAX_LINE_BYTES)
                name, _, data = line.partition(":")
                if name.strip() != "data":
                    continue
                if data.strip() == "[DONE]":
                    return
                yield json.loads(data)
    except (ValueError, RecursionError) as error:
        raise VerifierError(f"{http.base_url} sends a stream that is not JSON") from error
    except VerifierError:
        raise
    except Exception as error:  # the library's own kinds, and the system's
        raise _unreachable(http, error) from error


def judge(block: Block, rows: Sequence[Choices], rng: np.random.Generator, *, given: int) -> tuple[int, tuple[Chosen, ...]]:
    """Apply the rule to rows of an engine: how many draft tokens stand, and all tokens that do.

    Args:
        block: the question.
        rows: the most probable tokens before each draft token and after the last: one more than the draft has tokens; one
            less where there is no row behind the draft.
        rng: the target's chance.
        given: how many tokens each row has at least.

    Raises:
        BadVerdict: the rows are too few or none.
    """
    needed = len(block.draft) + block.bonus
    if len(rows) < needed:
        raise BadVerdict(f"{len(rows)} rows for a draft of {len(block.draft)} tokens; {needed} are needed")
    tokens: list[Chosen] = []
    for place in range(needed):
        proposal = block.draft[place] if place < len(block.draft) else None
        chosen = _choose(rows[place], block.sampling, proposal, rng, given=given)
        tokens.append(chosen)
        if proposal is None or chosen.token != proposal.token:
            return place, tuple(tokens)
    return len(block.draft), tuple(tokens)


def can_judge(sampling: Sampling, given: int) -> bool:
    """Whether rows of ``given`` tokens are enough for this target."""
    return sampling.greedy or 0 < sampling.top_k <= given


def _choose(row: Choices, sampling: Sampling, proposal: Proposal | None, rng: np.random.Generator, *, given: int) -> Chosen:
    if not row or any(not math.isfinite(value) or value > 1e-3 for value in row.values()):
        raise BadVerdict("the engine's probabilities are missing, NaN or infinite")
    if sampling.greedy:
        token = max(row, key=lambda candidate: row[candidate])
        return Chosen(token, row[token])
    best = sorted(row, key=lambda candidate: -row[candidate])[: sampling.top_k]
    if len(best) < min(given, sampling.top_k):
        raise BadVerdict(f"a row of {len(best)} tokens; {sampling.top_k} are needed")
    top = {token: place for place, token in enumerate(best)}
    try:
        p = distribution(np.asarray([row[token] for token in best]), sampling)
        place = choose(np.append(p, 0.0), _within(proposal, top), rng)
    except BadRow as error:
        raise BadVerdict(f"the engine's probabilities are none: {error}") from error
    token = proposal.token if place == len(best) and proposal is not None else best[place]
    return Chosen(token, row[token])


def _within(proposal: Proposal | None, top: Mapping[int, int]) -> Proposal | None:
    """A proposal in the numbers of the row's places; all tokens that are not in the row are its last, of probability 0."""
    if proposal is None or not proposal.support:
        return None if proposal is None else Proposal(top.get(proposal.token, len(top)))
    weights = [0.0] * (len(top) + 1)
    for token, weight in zip(proposal.support, proposal.weights, strict=True):
        weights[top.get(token, len(top))] += weight
    places = [place for place, weight in enumerate(weights) if weight > 0]
    return Proposal(top.get(proposal.token, len(top)), tuple(places), tuple(weights[place] for place in places))


def _check(http: httpx.AsyncClient, status: int, text: str) -> None:
    if status < 400:
        return
    cures = {
        401: "check the key in the environment variable of draft.token_env",
        403: "check the key in the environment variable of draft.token_env",
        404: "check draft.url and draft.model",
        429: "too many requests",
    }
    raise VerifierError(f"{http.base_url} refuses (HTTP {status}: {text[:200].strip()}); {cures.get(status, 'see its log')}")


def _check_size(http: httpx.AsyncClient, path: str, size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise VerifierError(f"{http.base_url}{path} sends more than {most_bytes:,} bytes")


def _unreachable(http: httpx.AsyncClient, error: Exception) -> VerifierError:
    return VerifierError(f"{http.base_url} cannot be reached ({type(error).__name__} {error}); check draft.url")
