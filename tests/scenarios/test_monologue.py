"""A user who speaks for minutes is transcribed in stretches, and answered once, at the end."""

import random
from typing import Any

import numpy as np
import pytest

from tests.fakes.engines import VOCABULARY, Fakes, speech
from tests.fakes.talk import Talk, talk
from voice.core.config import Config, VadConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples, Transcript
from voice.session import events as out
from voice.session import hearing
from voice.session.transcription import quietest


def words(count: int, seed: int = 1) -> list[str]:
    """No word twice in a row: the fake recogniser could not tell."""
    chance, said = random.Random(seed), [""]
    while len(said) <= count:
        said.append(chance.choice([word for word in VOCABULARY[:60] if word != said[-1]]))
    return said[1:]


def heard(user: Talk) -> list[str]:
    return str(user.record["user_text"]).lower().replace(".", "").split()


@pytest.mark.slow
def test_five_minutes_with_breaths_are_heard_whole_and_answered_once() -> None:
    said = [*words(900), *"what is the capital of france".split()]

    async def script(user: Talk) -> None:
        for at in range(0, len(said), 10):
            await user.say(" ".join(said[at : at + 10]))
            await user.hush(0.16)
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert heard(user) == said
    assert len(user.all(out.FinalTranscript)) == len(user.all(out.ReplyEnded)) == len(user.all(out.SpeechStarted)) == 1
    assert not user.all(out.TurnReopened)
    assert user.times(out.ReplyAudio)[0] > user.spoken_until_s
    assert user.record["ttfa_ms"] < 400  # as behind a short question: the stretches before are known
    longest = max(len(event.text) for event in user.all(out.PartialTranscript))
    assert longest >= 0.9 * len(" ".join(said))


def test_a_minute_without_a_breath_is_answered_at_its_end() -> None:
    said = words(200)

    async def script(user: Talk) -> None:
        await user.say(" ".join(said))
        await user.hush_until(out.ReplyEnded)

    user = talk(script)
    assert len(user.all(out.ReplyEnded)) == 1
    assert not user.all(out.TurnReopened)
    assert user.times(out.ReplyAudio)[0] > user.spoken_until_s
    assert user.record["user_text"].split()[0].lower() == said[0]
    lost = len(said) - len(heard(user))
    cuts = len(said) * 0.3 / (VadConfig().max_utterance_s - 3)
    assert lost <= cuts + 1  # the word that a cut falls into


@pytest.mark.parametrize("most_s", [2.0, 10.0, VadConfig().max_utterance_s])
def test_recognition_is_never_given_more_than_it_hears(most_s: float) -> None:
    longest = 0.0
    fakes = Fakes()
    transcribe = fakes.recognizer.transcribe

    async def watched(audio: Samples, **more: Any) -> Transcript:
        nonlocal longest
        longest = max(longest, audio.size / SAMPLE_RATE_HZ)
        return await transcribe(audio, **more)

    fakes.recognizer.transcribe = watched  # type: ignore[method-assign]

    async def script(user: Talk) -> None:
        await user.say(" ".join(said))
        await user.hush_until(out.ReplyEnded)

    said = words(250)
    user = talk(script, fakes=fakes, config=Config(vad=VadConfig(max_utterance_s=most_s)))
    assert most_s / 2 < longest <= most_s + 0.1
    assert len(user.all(out.ReplyEnded)) == 1
    assert len(heard(user)) >= len(said) - 250 * 0.3 / (most_s / 2) - 1  # the words that the cuts fall into


def test_a_television_is_no_user_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "MOST_TURN_S", 100.0)  # six times as long takes as much longer to play through
    television = np.tile(speech("what is"), int(160 / 0.6))

    async def script(user: Talk) -> None:
        await user.make(television)
        await user.hush(30)

    user = talk(script)
    assert 1 <= len(user.all(out.ReplyEnded)) <= 40
    assert len(user.all(out.ReplyEnded)) == len(user.all(out.SpeechStarted))
    assert user.times(out.FinalTranscript)[0] - user.times(out.SpeechStarted)[0] == pytest.approx(100, abs=3)


@pytest.mark.parametrize("at_s", [0.3, 1.0, 2.4])
def test_a_cut_falls_where_it_is_quietest(at_s: float) -> None:
    audio = np.random.default_rng(1).normal(0, 0.2, 3 * SAMPLE_RATE_HZ).astype(np.float32)
    at = int(at_s * SAMPLE_RATE_HZ)
    audio[at : at + SAMPLE_RATE_HZ // 10] *= 0.05
    assert at <= quietest(audio) <= at + SAMPLE_RATE_HZ // 10
