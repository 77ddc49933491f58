"""Random histories: whatever is said, typed, left out or broken, every turn ends and the history is what was heard.

A hundred and twenty histories run with the other tests. For ten thousand (some minutes)::

    VOICE_TEST_HISTORIES=10000 scripts/test -o timeout=900 tests/scenarios/test_random_turns.py
"""

import asyncio
import os
import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from tests.fakes.engines import VOCABULARY, FakeChatModel, FakeCloud, FakeRecognizer, Fakes, FakeSynthesizer, FakeTurnDetector
from tests.fakes.talk import Talk, talk
from tests.scenarios.test_tiers import router
from voice.core.config import BudgetConfig, Config
from voice.core.interfaces import SAMPLE_RATE_HZ, Filler
from voice.session import events as out
from voice.session.hearing import REOPEN_EVERY_S
from voice.skills.registry import SkillRegistry
from voice.turn.table import TurnState

HISTORIES = int(os.environ.get("VOICE_TEST_HISTORIES", "120"))
BATCH = 20
STEPS = 6
FILLERS = (Filler("Well,", np.full(4_000, 0.4, dtype=np.float32)),)


def fakes(chance: random.Random) -> Fakes:
    """Models that are quick, slow, broken, or hang."""
    hangs = chance.random() < 0.05
    chat_model = FakeChatModel(
        first_token_s=1000 if hangs else chance.choice([0.02, 0.04, 0.3, 1.5]),
        token_s=chance.choice([0.005, 0.01, 0.08]),
        failing_after=chance.choice([None, None, None, 0, 3]),
    )
    cloud = None
    if chance.random() < 0.6:
        cloud = FakeCloud(
            first_token_s=chance.choice([0.05, 0.2, 1.2, 30]),
            fails_after=chance.choice([None, None, 0, 2, 7]),
            stalls_after=chance.choice([None, None, 4]),
            forecast_ms=chance.choice([None, 30, 300, 1500]),
            can_verify=chance.random() < 0.2,
        )
    return Fakes(
        recognizer=FakeRecognizer(delay_s=chance.choice([0.03, 0.07, 0.4, 1.9]), failing=chance.random() < 0.05),
        turn_detector=FakeTurnDetector(prosody=lambda _: chance.random()),
        chat_model=chat_model,
        synthesizer=FakeSynthesizer(first_chunk_s=chance.choice([0.03, 0.05, 0.6])),
        router=router(chance.choice(["cloud", "hybrid"])) if cloud is not None else None,
        cloud=cloud,
        skills=SkillRegistry() if chance.random() < 0.3 else None,
        fillers=FILLERS if chance.random() < 0.4 else (),
    )


def second_speed(chance: random.Random) -> FakeChatModel | None:
    """None, or one that is quick, slow, broken, or hangs."""
    if chance.random() < 0.4:
        return None
    return FakeChatModel(
        answer=lambda _: "a thing that nobody knows. It is a long story, and it goes on.",
        goes_on=True,
        first_token_s=1000 if chance.random() < 0.1 else chance.choice([0.2, 0.5, 2.0]),
        token_s=chance.choice([0.02, 0.05, 0.3]),
        failing_after=chance.choice([None, None, None, 0, 2]),
        stalls_after=chance.choice([None, None, None, 0, 5]),
    )


async def step(user: Talk, chance: random.Random) -> None:
    """Something that people, clients or rooms do."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            await user.say(" ".join(chance.choice(VOCABULARY) for _ in range(chance.randint(1, 7))))
        case 3 | 4:
            await user.hush(chance.choice([0.1, 0.22, 0.3, 0.7, 1.5, 3.0]))
        case 5:
            noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, chance.choice([0.02, 0.2, 0.5]), SAMPLE_RATE_HZ)
            await user.make(noise[: chance.randint(500, SAMPLE_RATE_HZ)].astype(np.float32))
        case 6:
            user.conversation.push_text(" ".join(chance.choice(VOCABULARY) for _ in range(chance.randint(1, 6))))
        case 7:
            turns = user.all(out.ReplyAudio)
            user.conversation.played(turns[-1].turn if turns else 1, chance.choice([0.0, 120.0, 900.0]))


def history(seed: int) -> None:
    chance = random.Random(seed)

    async def script(user: Talk) -> None:
        for _ in range(STEPS):
            await step(user, chance)
        await user.hush(3)
        await asyncio.sleep(90)  # the client sends no more
        assert user.conversation.state is TurnState.IDLE, f"seed {seed}: still {user.conversation.state}"

    fillers = () if chance.random() < 0.5 else BudgetConfig().fillers
    everyone = fakes(chance)
    everyone.large = second_speed(random.Random(f"second speed {seed}"))
    user = talk(script, fakes=everyone, config=Config(budget=BudgetConfig(fillers=fillers)))
    _check(user, seed)


def _check(user: Talk, seed: int) -> None:
    opened = {event.turn for event in user.all(out.SpeechStarted)} | {event.turn for event in user.all(out.TurnTraced)}
    ended = [event.turn for event in user.all(out.ReplyEnded)]
    assert sorted(ended) == sorted(opened), f"seed {seed}: {opened ^ set(ended)} did not end, or more than once"
    reopened: dict[int, list[float]] = defaultdict(list)
    for at_s, event in user.events:
        if isinstance(event, out.TurnReopened):
            reopened[event.turn].append(at_s)
    for times in reopened.values():
        assert all(later - earlier >= REOPEN_EVERY_S for earlier, later in pairwise(times)), f"seed {seed}: {times}"
    said: dict[int, list[str]] = defaultdict(list)
    for _, event in user.events:
        if isinstance(event, out.ReplyText):
            said[event.turn].append(event.text)
        if isinstance(event, out.TurnReopened):
            said[event.turn].clear()
    for event in user.all(out.TurnTraced):
        heard = str(event.record["heard_text"])
        clauses = " ".join(said[event.turn])
        assert clauses.startswith(heard), f"seed {seed}: {heard!r} is not the beginning of {clauses!r}"
        if event.record["end_reason"] == "completed":
            assert heard == clauses, f"seed {seed}: {heard!r} of {clauses!r}"


@pytest.mark.parametrize("first", range(0, HISTORIES, BATCH))
def test_every_turn_ends_and_the_history_is_what_was_heard(first: int) -> None:
    for seed in range(first, first + BATCH):
        history(seed)


@pytest.mark.parametrize("seed", [16, 49, 65, 4955, 5066, 6152, 8101, 8756])
def test_histories_that_found_a_fault_once(seed: int) -> None:
    """A stalled cloud, a typed turn over a sound, a reply that failed and was taken back before its apology."""
    history(seed)
