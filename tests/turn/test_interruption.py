import pytest

from voice.turn.interruption import GIVE_UP_SILENCE_MS, SURE_SPEECH_MS, Sound, Verdict, judge


@pytest.mark.parametrize(
    ("sound", "verdict"),
    [
        (Sound(100, 0), Verdict.UNSURE),
        (Sound(SURE_SPEECH_MS, 0), Verdict.INTERRUPTION),
        (Sound(200, 0, "Stop."), Verdict.INTERRUPTION),
        (Sound(200, 64, "No, wait."), Verdict.INTERRUPTION),
        (Sound(300, 64, "What about Spain?"), Verdict.INTERRUPTION),
        (Sound(300, 64, "Mm-hmm."), Verdict.NOTHING),
        (Sound(300, 0, "Yeah."), Verdict.UNSURE),
        (Sound(300, 64, "Okay, right."), Verdict.NOTHING),
        (Sound(300, 64, ""), Verdict.NOTHING),
        (Sound(300, 64, "Thank you.", confident=False), Verdict.NOTHING),
        (Sound(300, GIVE_UP_SILENCE_MS), Verdict.NOTHING),
        (Sound(300, 200), Verdict.UNSURE),
    ],
)
def test_verdicts(sound: Sound, verdict: Verdict) -> None:
    assert judge(sound) is verdict
