"""What is sent of a draft, and what is written."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from tests.draft.fakes import END, FakeDrafter, FakeVerifier, truth
from tests.fakes.virtual_time import run_virtual
from voice.bench.speculative.paced_verifier import FixedPlan, OfferedVerifier, Recorded
from voice.draft.acceptance import Proposal, Sampling
from voice.draft.confidence import BINS, STAND_SHARE, DraftCalibration, pays
from voice.draft.edge import propose
from voice.draft.loop import DraftedReply
from voice.draft.reply_options import DraftTally, ReplyOptions

PROMPT = (5, 6, 7)


def test_what_is_sent_stands_as_often_as_it_is_meant_to() -> None:
    """A drafter that is right as often as it says, over all confidences."""
    rng = np.random.default_rng(3)
    calibration = DraftCalibration()
    sent = []
    for confidence in rng.random(6000):
        right = bool(rng.random() < confidence)
        if confidence >= calibration.send_from:
            sent.append(right)
        calibration.add(float(confidence), right)
    assert np.mean(sent[500:]) == pytest.approx(STAND_SHARE, abs=0.04)
    assert 0.5 < calibration.send_from < 0.75, "from 0.6 on four of five stand"


@pytest.mark.parametrize("right", [True, False])
def test_a_drafter_whose_confidence_says_nothing_is_found_out(right: bool) -> None:
    calibration = DraftCalibration()
    for i in range(2000):
        calibration.add(i % BINS / BINS, right)
    assert calibration.send_from == (0.0 if right else 1.0)
    assert calibration.stands(0.3) == pytest.approx(float(right), abs=0.05)


def test_a_token_is_written_while_it_pays() -> None:
    assert pays(1.0, token_ms=50, verify_ms=2, draft_ms=10)
    assert not pays(0.05, token_ms=50, verify_ms=2, draft_ms=10)
    assert not pays(0.5, token_ms=10, verify_ms=6, draft_ms=10)


def test_confidence_is_known_before_the_token_is_drawn() -> None:
    logits = np.log(np.array([0.1, 0.2, 0.7], np.float32))
    assert propose(logits, Sampling(), np.random.default_rng(0)).confidence == pytest.approx(0.7)
    drawn = [propose(logits, Sampling(1.0), np.random.default_rng(seed)) for seed in range(40)]
    assert {proposal.token for proposal in drawn} == {0, 1, 2}
    assert {round(proposal.confidence, 3) for proposal in drawn} == {0.7}, "whatever was drawn"


class Unsure(FakeDrafter):
    """Knows how likely it is right: sure tokens always are, unsure ones in two of five cases."""

    def __init__(self, prompt: Sequence[int], reply: Sequence[int], seed: int) -> None:
        super().__init__(prompt, reply, acceptance=0.4, token_ms=5, seed=seed)
        self.sure = np.random.default_rng(seed + 1).random(len(self._whole)) < 0.5
        self._right |= self.sure

    async def next(self) -> Proposal | None:
        at = len(self._tokens)
        proposal = await super().next()
        return None if proposal is None else Proposal(proposal.token, confidence=0.95 if self.sure[at] else 0.15)


@pytest.mark.parametrize("offers", [True, False])
@pytest.mark.parametrize("rtt_ms", [0.0, 60.0])
def test_what_is_unsure_waits_for_the_verifier_and_the_draft_goes_on_behind_it(offers: bool, rtt_ms: float) -> None:
    reply = truth(400, 4)
    drafter = Unsure(PROMPT, reply, 9)
    verifier: FakeVerifier | OfferedVerifier = (
        OfferedVerifier(Recorded("", PROMPT, tuple(reply)), rtt_ms=rtt_ms, token_ms=40)
        if offers
        else FakeVerifier(PROMPT, reply, rtt_ms=rtt_ms, token_ms=40)
    )

    async def scenario() -> tuple[list[int], DraftTally]:
        terms = ReplyOptions(PROMPT, 1000, ends=lambda token: token == END, whole_words=lambda _: 0, patience_ms=3000)
        answer = DraftedReply(drafter, verifier, FixedPlan(4, 2), terms)
        tokens = [approved.token async for approved in answer.tokens()]
        assert len(asyncio.all_tasks()) == 1
        return tokens, answer.account

    tokens, account = run_virtual(scenario())
    assert tokens == reply
    assert account.failure == ""
    assert account.acceptance is not None
    assert account.acceptance > (0.95 if offers else 0.7), "in blocks one that nothing lies before is sent in any case"
    assert account.accepted / (account.accepted + account.rejected) < 0.75
    assert account.token_ms < 40 if offers else account.token_ms < 40 + rtt_ms
