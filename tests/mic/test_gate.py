import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voice.core.interfaces import Samples
from voice.mic.gate import TRAILING_S, WAKEFUL_S, Gate

BLOCK = 160


def ramp(start: int, count: int = BLOCK) -> Samples:
    return np.arange(start, start + count, dtype=np.float32)


def feed(gate: Gate, start: int, blocks: int, now_s: float = 0.0) -> list[Samples]:
    """What leaves of so many blocks."""
    return [gate.push(ramp(start + n * BLOCK), now_s + n * 0.01) for n in range(blocks)]


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=30))
def test_an_open_microphone_loses_nothing(sizes: list[int]) -> None:
    gate = Gate("open")
    sent, at = [], 0
    for size in sizes:
        sent.append(gate.push(ramp(at, size), 0.0))
        at += size
    assert np.array_equal(np.concatenate(sent), ramp(0, at))


def test_after_a_new_connection_the_last_half_second_comes_again() -> None:
    gate = Gate("open")
    feed(gate, 0, 100)
    gate.reconnected()
    first = gate.push(ramp(16_000), 1.0)
    assert np.array_equal(first, ramp(16_000 - 8_000, 8_000 + BLOCK))


def test_push_to_talk_sends_the_moment_before_the_key_and_silence_behind_it() -> None:
    gate = Gate("push")
    assert not any(piece.size for piece in feed(gate, 1, 100))
    gate.press()
    assert np.array_equal(gate.push(ramp(16_001), 1.0), ramp(16_001 - 6_400, 6_400 + BLOCK))
    assert np.array_equal(gate.push(ramp(16_161), 1.0), ramp(16_161))
    gate.press(on=False)
    behind = feed(gate, 20_000, 300)
    silence = np.concatenate(behind)
    assert silence.size == int(TRAILING_S * 16_000)
    assert not silence.any()


class Wake:
    def __init__(self) -> None:
        self.word = False

    def hears(self, samples: Samples) -> bool:
        return self.word


def test_after_the_wake_word_it_listens_for_a_while_and_as_long_as_there_is_talk() -> None:
    wake = Wake()
    gate = Gate("wake", wake)
    assert not gate.push(ramp(0), 0.0).size
    wake.word = True
    assert np.array_equal(gate.push(ramp(160), 1.0), ramp(160)), "the wake word itself is not sent"
    wake.word = False
    assert gate.push(ramp(320), 1.0 + WAKEFUL_S - 0.1).size
    gate.busy(8.9)
    assert gate.push(ramp(480), 8.9 + WAKEFUL_S - 0.1).size
    assert not gate.push(ramp(640), 8.9 + WAKEFUL_S + 0.1).size
    gate.busy(100.0)
    assert not gate.push(ramp(800), 100.0).size, "what is said to somebody else does not wake it"
