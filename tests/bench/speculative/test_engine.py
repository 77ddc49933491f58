"""``voice bench speculative --engine``: what is counted as equal, and the whole of it against a real verifier."""

import asyncio
from typing import Any

import msgspec
import numpy as np
import pytest

from voice import models
from voice.bench.speculative import chi2
from voice.bench.speculative.engine import TIE_NATS, apart, figures, losslessness, run, two_samples
from voice.core.config import Config, DraftConfig, VerifierConfig
from voice.core.errors import VerifierError
from voice.draft.reply_options import Approved, DraftTally
from voice.draft.verifier import Chosen
from voice.verifier.server import VerifierServer
from voice.verifier.target import Target


def said(*pairs: tuple[int, float]) -> tuple[list[Chosen], list[Approved]]:
    return [Chosen(*pair) for pair in pairs], [Approved(*pair, by="verifier") for pair in pairs]


def test_replies_that_part() -> None:
    alone, same = said((5, -0.1), (6, -0.7), (7, -0.2))
    _, other = said((5, -0.1), (8, -0.75))
    assert apart(alone, same) is None
    assert apart(alone, other) == {"at_token": 1, "nats_apart": pytest.approx(0.05)}
    assert apart(alone, same[:2]) == {"at_token": 2, "nats_apart": None}


def test_a_reply_that_is_shorter_is_no_tie() -> None:
    different: list[dict[str, Any]] = [{"nats_apart": TIE_NATS / 2}, {"nats_apart": None}, {"nats_apart": 3.0}]
    found = losslessness(4, different, [DraftTally() for _ in range(7)] + [DraftTally(failure="gone")])
    assert (found["replies"], found["identical"], found["ties"]) == (8, 5, 1)
    assert found["failures"] == ["gone"]


def test_two_samples_of_one_distribution_and_of_two() -> None:
    rng = np.random.default_rng(3)
    p, q = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.3, 0.5, 0.15, 0.05])
    one, same, other = (rng.choice(4, 400, p=weights).tolist() for weights in (p, p, q))
    assert chi2.tail(*two_samples(one, same)) > 0.001
    assert chi2.tail(*two_samples(one, other)) < 1e-4
    assert two_samples([1, 1], [1, 1]) == (0.0, 0)


@pytest.mark.real
async def test_against_a_verifier_that_runs() -> None:
    path = models.locate(VerifierConfig().model)
    target = await asyncio.to_thread(Target, VerifierConfig(clients=2, context_tokens=512))
    try:
        async with VerifierServer(msgspec.structs.replace(target.config, port=0), target, token_ms=10.0) as server:
            config = Config(draft=DraftConfig(engine="voice", url=server.url))
            found = await run(config, edge=path, prompts=1, progress=lambda *_: None)
    finally:
        target.close()
    assert found["lossless_greedy"] | {"different": []} == {
        "prompts": 1, "replies": 2, "identical": 2, "ties": 0, "different": [], "failures": []
    }  # fmt: skip
    assert found["acceptance"]["overall"] > 0.9  # a model drafts for itself
    assert found["chi2_p"] > 1e-4
    assert figures(found)["drafted replies identical / ties / other"] == "2 / 0 / 0"
    with pytest.raises(VerifierError):
        await run(config, edge=path, prompts=1, progress=lambda *_: None)
