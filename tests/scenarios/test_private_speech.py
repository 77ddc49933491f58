"""Private speech with a pause at any word: whole conversations in virtual time, and every byte for the cloud is searched."""

import os
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import pytest

from tests.fakes.engines import Fakes
from tests.fakes.recorded_cloud import RecordedCloud
from tests.fakes.talk import Talk, talk
from tests.privacy import pauses
from voice.bench.failover.sent import found, readings
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig, Config, RouteConfig
from voice.privacy.findings import Kind
from voice.route.policy import Mode
from voice.route.router import Router, locate, policy_of

pytestmark = pytest.mark.real
EVERYTHING = bool(os.environ.get("VOICE_ALL_PAUSES"))
"""With ``VOICE_ALL_PAUSES=1`` every utterance is broken at every word, at every pause: hours."""
SAMPLE = 1 if EVERYTHING else 1201
"""Of all that can be tried in one mode every so many is, a prime so that all utterances, words and pauses have their turn."""
PAUSES_S = (0.2, 0.5, 1.0, 1.5)
QUESTION = "why did the roman empire fall"
CLOUD = CloudConfig(enabled=True, base_url="http://cloud.test/v1", model="m")


@dataclass(frozen=True, slots=True)
class Broken:
    """An utterance with a pause of ``pause_s`` behind so many words."""

    text: str
    boundary: int
    pause_s: float


@cache
def router(mode: Mode, redacted: bool) -> Router:
    made = Router(locate(), policy_of(RouteConfig(mode=mode, redact=tuple(Kind) if redacted else ())))
    made._read = lru_cache(100_000)(made._read)  # type: ignore[method-assign]
    return made


KNOWN = (
    "my pin / is two seven double eight please don't tell anyone",
    "my wifi password is / sunflower ninety nine",
    "doctor patel wants to see / me again on tuesday",
    "call five five five no wait five / five six one two one two about the couch",
    "i was born / on the twelfth of october nineteen seventy nine",
    "my number is five six seven eight / nine zero one one two",
)
"""Utterances whose halves are not private by themselves."""


def cases() -> list[Broken]:
    known = [
        Broken(said.replace(" / ", " "), len(said.partition(" / ")[0].split()), pause_s)
        for said, pause_s in zip(KNOWN, (1.5, 1.5, 1.0, 0.5, 1.5, 0.2), strict=True)
    ]
    everything = [
        Broken(text, boundary, pause_s)
        for text, pause_s in product(pauses.private_texts(), PAUSES_S)
        for boundary in range(1, len(text.split()))
    ]
    return [*known, *everything[::SAMPLE]]


class VerifyingCloud(CloudChat):
    """Takes drafts, so that its turns are placed as speculative."""

    @property
    def can_verify(self) -> bool:
        return True


def sent(mode: Mode, redacted: bool, broken: Broken, *, drafted: bool = False) -> tuple[bytes, int]:
    """All that went to the cloud, and how many questions were answered there."""
    cloud = RecordedCloud(CLOUD)
    words = broken.text.split()

    async def script(user: Talk) -> None:
        await user.say(" ".join(words[: broken.boundary]))
        await user.hush(broken.pause_s)
        await user.say(" ".join(words[broken.boundary :]))
        await user.hush(12.0)
        await user.say(QUESTION)  # right behind something private: stays
        await user.hush(8.0)
        await user.say(QUESTION)
        await user.hush(8.0)

    fakes = Fakes(router=router(mode, redacted), cloud=None)
    chat = cloud.chat(VerifyingCloud if drafted else CloudChat)
    fakes.cloud = chat  # type: ignore[assignment]
    talk(script, fakes=fakes, config=Config(cloud=CLOUD, route=RouteConfig(mode=mode)))
    return b"\n".join(cloud.sent), cloud.answered


@pytest.mark.parametrize("kind", ["plain", "redacted", "drafted"])
@pytest.mark.parametrize("mode", ["cloud", "hybrid"])
def test_no_byte_of_private_speech_goes_to_the_cloud_at_any_pause(mode: Mode, kind: str) -> None:
    leaks, asked = [], 0
    for broken in cases():
        out, answered = sent(mode, kind == "redacted", broken, drafted=kind == "drafted")
        asked += answered
        read = readings(out)
        values = pauses.values_of(router("cloud", False), broken.text)
        piece = next((one for value in values if (one := pauses.stands(value, read)) is not None), None)
        if piece is not None or found(values, out):
            leaks.append((broken, piece))
    assert not leaks
    assert asked >= len(cases())  # the cloud is asked what is public: the search could have found something


def test_the_search_finds_what_a_conversation_may_send() -> None:
    text = "explain to the world what four eight one five means"
    out, answered = sent("cloud", False, Broken(text, 5, 0.2))
    assert answered
    assert pauses.stands("four eight one five", readings(out))
