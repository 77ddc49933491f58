"""SGLang and vLLM, against servers that answer in their shapes on real sockets."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.draft.engines import VOCABULARY, Engine, row, says, sglang_engine, vllm_engine
from voice.bench.speculative.chi2 import p_value
from voice.core.errors import VerifierError
from voice.draft.acceptance import GREEDY, Proposal, Sampling, distribution
from voice.draft.sglang import SglangVerifier
from voice.draft.verifier import Block, believe
from voice.draft.vllm import VllmVerifier

PREFIX = (3, 7, 11)
Adapter = type[SglangVerifier] | type[VllmVerifier]
KINDS: list[tuple[Adapter, Callable[..., Engine]]] = [(SglangVerifier, sglang_engine), (VllmVerifier, vllm_engine)]
both = pytest.mark.parametrize(("adapter", "engine"), KINDS, ids=["sglang", "vllm"])


def drafts(tokens: list[int]) -> tuple[Proposal, ...]:
    return tuple(Proposal(token) for token in tokens)


@both
async def test_a_greedy_draft_is_judged_as_the_target_would(adapter: Adapter, engine: Callable[..., Engine]) -> None:
    truth = says(PREFIX, 8)
    async with engine() as server:
        verifier = await adapter.connect(server.url)
        for good in range(6):
            draft = [*truth[:good], (truth[good] + 1) % VOCABULARY, 5] if good < 5 else truth[:5]
            block = Block(PREFIX, drafts(draft))
            verdict = believe(block, await verifier.verify(block), vocabulary_size=VOCABULARY, ends=lambda _: False)
            assert verdict.accepted == good
            assert [c.token for c in verdict.tokens] == truth[: good + 1]
            assert verdict.tokens[0].logprob == pytest.approx(row(PREFIX[-1])[truth[0]], abs=1e-6)
        empty = await verifier.verify(Block(PREFIX))
        assert [c.token for c in empty.tokens] == truth[:1]
        streamed = [c.token async for c in verifier.stream(PREFIX, max_tokens=8, sampling=GREEDY)]
        assert streamed == truth
        await verifier.aclose()


@both
async def test_nothing_follows_the_end_of_a_reply(adapter: Adapter, engine: Callable[..., Engine]) -> None:
    truth = says(PREFIX, 4)
    async with engine() as server:
        verifier = await adapter.connect(server.url)
        block = Block(PREFIX, drafts(truth[:3]))
        answer = await verifier.verify(block)  # the engine does not know what ends a reply
        verdict = believe(block, answer, vocabulary_size=VOCABULARY, ends=lambda token: token == truth[2])
        assert (verdict.accepted, [c.token for c in verdict.tokens]) == (3, truth[:3])
        await verifier.aclose()


@pytest.mark.slow
@both
async def test_a_sampled_draft_comes_from_the_targets_distribution(adapter: Adapter, engine: Callable[..., Engine]) -> None:
    sampling = Sampling(0.9, top_k=6, top_p=0.9)
    expected = distribution(row(PREFIX[-1]), sampling)
    likely = int(expected.argmax())
    counts = np.zeros(VOCABULARY, dtype=np.int64)
    async with engine() as server:
        verifier = await adapter.connect(server.url)
        block = Block(PREFIX, drafts([likely]), sampling)
        for _ in range(600):
            counts[(await verifier.verify(block)).tokens[0].token] += 1
        assert p_value(counts, expected) > 0.001
        with pytest.raises(VerifierError, match="top-k"):
            await verifier.verify(Block(PREFIX, (), Sampling(1.0)))
        await verifier.aclose()


async def test_what_sglang_is_asked() -> None:
    async with sglang_engine() as server:
        verifier = await SglangVerifier.connect(server.url, key="secret")
        await verifier.verify(Block(PREFIX, drafts([1, 2])))
        body = server.bodies[-1]
        assert body["input_ids"] == [*PREFIX, 1, 2]
        assert body["logprob_start_len"] == len(PREFIX) - 1
        assert "Bearer secret" in server.headers[-1]
        await verifier.aclose()


async def test_vllm_is_told_to_add_nothing_of_its_own() -> None:
    async with vllm_engine() as server:
        verifier = await VllmVerifier.connect(server.url)
        await verifier.verify(Block(PREFIX, drafts([1, 2])))
        assert [c async for c in verifier.stream(PREFIX, max_tokens=2, sampling=GREEDY)]
        for body in server.bodies[-2:]:
            assert (body["repetition_penalty"], body["presence_penalty"], body["frequency_penalty"]) == (1.0, 0.0, 0.0)
        await verifier.aclose()


async def test_vllm_started_with_other_settings_is_noticed() -> None:
    def newer(answer: Any) -> Any:
        answer[-1]["system_fingerprint"] = "vllm-0.33.0-00000000"
        return answer

    async with vllm_engine() as server:
        verifier = await VllmVerifier.connect(server.url)
        assert (await verifier.verify(Block(PREFIX))).compute_ms >= 0
        assert verifier.identity.version == "vllm-0.32.0-c253aaed"
        assert len([c async for c in verifier.stream(PREFIX, max_tokens=2, sampling=GREEDY)]) == 2
        await verifier.aclose()
    async with vllm_engine(lambda answer: newer(answer) if isinstance(answer, list) else answer) as server:
        verifier = await VllmVerifier.connect(server.url)
        await verifier.verify(Block(PREFIX))
        with pytest.raises(VerifierError, match=r"0\.33"):
            async for _ in verifier.stream(PREFIX, max_tokens=2, sampling=GREEDY):
                pass
        await verifier.aclose()


async def test_vllm_that_fails_in_the_middle_of_a_reply() -> None:
    async with vllm_engine(always([{"error": {"message": "EngineCore died", "code": 500}}])) as server:
        verifier = await VllmVerifier.connect(server.url)
        with pytest.raises(VerifierError, match="EngineCore died"):
            await anext(verifier.stream(PREFIX, max_tokens=2, sampling=GREEDY))
        await verifier.aclose()


def always(answer: Any) -> Callable[[Any], Any]:
    return lambda _: answer


def without(*path: str) -> Callable[[Any], Any]:
    def change(answer: Any) -> Any:
        place = answer
        for key in path[:-1]:
            place = place[int(key) if key.isdigit() else key]
        del place[path[-1]]
        return answer

    return change


def sglang_rows(change: Callable[[list[Any]], Any], name: str = "input_top_logprobs") -> Callable[[Any], Any]:
    def altered(answer: Any) -> Any:
        answer["meta_info"][name] = change(answer["meta_info"][name])
        return answer

    return altered


def nan_row(rows: list[Any]) -> list[Any]:
    rows[1] = [[float("nan"), 4, None]]
    return rows


SGLANG: dict[str, Callable[[Any], Any]] = {
    "no rows": without("meta_info"),
    "too few rows": sglang_rows(lambda rows: rows[:-1], "input_token_logprobs"),
    "too few distributions": sglang_rows(lambda rows: rows[:1]),
    "nan": sglang_rows(nan_row),
    "another draft": sglang_rows(lambda rows: [*rows[:-1], [rows[-1][0], 39, None]], "input_token_logprobs"),
    "another version": lambda answer: {"meta_info": {**answer["meta_info"], "weight_version": "new"}},
    "garbage": lambda _: b"<html>",
    "a list": lambda _: [1, 2],
    "silence": lambda _: None,
}


def vllm_choices(change: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda answer: {**answer, "choices": change(answer["choices"])}


def nan_choice(choices: list[Any]) -> list[Any]:
    found = choices[-1]["logprobs"]["top_logprobs"][0]
    choices[-1]["logprobs"]["top_logprobs"] = [dict.fromkeys(found, float("nan"))]
    return choices


VLLM: dict[str, Callable[[Any], Any]] = {
    "no rows": without("choices", "0", "logprobs"),
    "no tokens": without("choices", "0", "logprobs", "top_logprobs"),
    "too few rows": vllm_choices(lambda choices: choices[:-1]),
    "a row twice": vllm_choices(lambda choices: [choices[0], *choices[:-1]]),
    "nan": vllm_choices(nan_choice),
    "another draft": lambda answer: {**answer, "usage": {**answer["usage"], "prompt_tokens": 5}},
    "another model": lambda answer: {**answer, "model": "other"},
    "garbage": lambda _: b"<html>",
    "a list": lambda _: [],
    "silence": lambda _: None,
}
BROKEN = [(SglangVerifier, sglang_engine, how) for how in SGLANG.values()] + [
    (VllmVerifier, vllm_engine, how) for how in VLLM.values()
]


@pytest.mark.parametrize(
    ("adapter", "engine", "how"), BROKEN, ids=[f"sglang {k}" for k in SGLANG] + [f"vllm {k}" for k in VLLM]
)
async def test_an_answer_that_cannot_be_is_dropped(
    adapter: Adapter, engine: Callable[..., Engine], how: Callable[[Any], Any]
) -> None:
    truth = says(PREFIX, 3)
    async with engine(how) as server:
        verifier = await adapter.connect(server.url, within_s=0.3)
        with pytest.raises(VerifierError):
            await verifier.verify(Block(PREFIX, drafts(truth[:2])))
        await verifier.aclose()


@both
async def test_a_refusal_names_its_cure(adapter: Adapter, engine: Callable[..., Engine]) -> None:
    async with engine() as server:
        verifier = await adapter.connect(server.url)
        for status, cure in ((401, "key"), (404, "draft.url"), (429, "too many"), (500, "log")):
            server.status = status
            with pytest.raises(VerifierError, match=cure):
                await verifier.verify(Block(PREFIX))
            with pytest.raises(VerifierError, match=cure):
                await anext(verifier.stream(PREFIX, max_tokens=3, sampling=GREEDY))
        await verifier.aclose()
        with pytest.raises(VerifierError):
            await adapter.connect("http://127.0.0.1:9")


@both
async def test_a_stream_that_is_none(adapter: Adapter, engine: Callable[..., Engine]) -> None:
    for answer in (b"data: {\n\n", [{"nothing": 1}], [{"choices": [{"logprobs": {"tokens": ["x"], "token_logprobs": [0]}}]}]):
        async with engine(always(answer)) as server:
            verifier = await adapter.connect(server.url)
            with pytest.raises(VerifierError):
                async for _ in verifier.stream(PREFIX, max_tokens=3, sampling=GREEDY):
                    pass
            await verifier.aclose()
