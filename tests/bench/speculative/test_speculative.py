"""The parts of ``voice bench speculative`` that need no model."""

import asyncio
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.virtual_time import run_virtual
from voice.bench.speculative import quantised as models
from voice.bench.speculative.grid import _extremes, mean_speedups, plot
from voice.bench.speculative.paced_verifier import OfferedVerifier, PacedVerifier, Recorded
from voice.bench.speculative.parts import _drafted, _first_choice, _fit, _wrong
from voice.bench.speculative.prompts import prompts
from voice.bench.speculative.speculative import acceptance_by_kind
from voice.core.errors import ModelMissing
from voice.draft.acceptance import GREEDY, Proposal
from voice.draft.reply_options import DraftTally
from voice.draft.verifier import Block
from voice.models import store

RECORD = Recorded("x", (1, 2, 3), tuple(range(10, 30)))


def test_the_small_model_drafts_for_the_large_one_where_both_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(name: str) -> Path:
        return tmp_path / name

    def absent(name: str) -> Path:
        raise ModelMissing(name)

    monkeypatch.setattr(models, "quantised", lambda name, kind: Path(f"{name}.{kind}"))
    monkeypatch.setattr(store, "locate", here)
    assert models.pair(None, edge_model="e") == (tmp_path / models.SMALL, tmp_path / models.LARGE)
    assert models.pair("m", edge_model="e") == (Path("m.q4_0"), Path("m.q8_0"))
    monkeypatch.setattr(store, "locate", absent)
    assert models.pair(None, edge_model="e") == (Path("e.q4_0"), Path("e.q8_0"))


def test_two_hundred_different_prompts_of_five_kinds() -> None:
    asked = prompts()
    assert len({text for _, text in asked}) == 200
    assert set(Counter(kind for kind, _ in asked).values()) == {40}


def test_the_test_of_chance_tells_the_wrong_rule() -> None:
    rng = np.random.default_rng(1)
    rows = [(rng.dirichlet(np.ones(9)), rng.dirichlet(np.ones(9))) for _ in range(5)]
    assert _fit(rows, _drafted, 4000) > 0.001
    assert _fit(rows, _first_choice, 4000) > 0.001
    assert _fit(rows, _wrong, 4000) < 1e-6


def test_pacing_adds_the_delays_it_says() -> None:
    async def scenario() -> tuple[list[float], float, list[float]]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        plain = PacedVerifier(RECORD, rtt_ms=80, token_ms=20)
        times = [loop.time() - began_s async for _ in plain.stream(RECORD.prompt, max_tokens=5, sampling=GREEDY)]
        began_s = loop.time()
        verdict = await plain.verify(Block(RECORD.prompt, tuple(Proposal(token) for token in (10, 11, 99))))
        assert (verdict.accepted, [chosen.token for chosen in verdict.tokens]) == (2, [10, 11, 12])
        took_s = loop.time() - began_s
        began_s = loop.time()
        offered = OfferedVerifier(RECORD, rtt_ms=80, token_ms=20)
        await offered.offer(3, [10, 11, 12, 13])
        await offered.offer(5, [99])
        hurried = [loop.time() - began_s async for _ in offered.stream(RECORD.prompt, max_tokens=5, sampling=GREEDY)]
        return times, took_s, hurried

    streamed, verified_s, hurried = run_virtual(scenario())
    assert streamed == pytest.approx([0.1, 0.12, 0.14, 0.16, 0.18])
    assert verified_s == pytest.approx(0.08 + 0.02 * 1.06)
    assert hurried == pytest.approx([0.08 + 0.02 * 1.08] * 5)


def test_acceptance_is_weighed_by_tokens() -> None:
    accounts = [
        DraftTally(accepted=9, rejected=1, sent_accepted=9),
        DraftTally(accepted=0, rejected=10, sent_rejected=1),
        DraftTally(accepted=5),
    ]
    records = [Recorded(kind, (1,), (2,)) for kind in ("a", "b", "c")]
    assert acceptance_by_kind(records, accounts) == {"a": 1.0, "b": 0.0, "overall": 0.9}
    assert acceptance_by_kind(records, accounts, of_sent=False) == {"a": 0.9, "b": 0.0, "c": 1.0, "overall": 0.56}


def test_cells_in_which_the_formula_allows_two_are_told_from_the_others() -> None:
    usual = {"draft_ms": 9.0, "streams": False}
    cells = [
        {"expected": 2.1, "steady_speedup": 2.3, "speedup": 1.9, **usual},
        {"expected": 2.4, "steady_speedup": 1.8, "speedup": 1.7, **usual},
        {"expected": 1.2, "steady_speedup": 2.2, "speedup": 1.0, **usual},
    ]
    found = _extremes(cells)
    assert (found["two_allowed_cells"], found["two_reached_cells"], found["two_allowed_median_speedup"]) == (2, 1, 2.05)
    assert (found["min_speedup"], found["max_speedup"]) == (1.0, 1.9)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    cells = [
        {"rtt_ms": rtt, "token_ms": token, "steady_speedup": 1.0 + token / 50, "expected": 1.2, "speedup": 1.1}
        for rtt in (0, 50)
        for token in (10, 50)
    ]
    _, _, table = mean_speedups(cells, "steady_speedup")
    assert table == pytest.approx(np.array([[1.2, 1.2], [2.0, 2.0]]))
    plot({"grid": cells}, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 5000
