"""Which language a text is in, and that what the rules cannot read stays on the device."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.route.test_policy import HARD, REACHABLE
from voice.privacy import language
from voice.privacy.findings import Kind
from voice.privacy.gate import PrivacyPolicy, PrivacyWatch, check
from voice.privacy.language import foreign
from voice.route.policy import Mode, Policy, RouteState, decide

DATA = Path(__file__).parent / "data"
NAMED = {"de": "German", "es": "Spanish", "fr": "French", "nl": "Dutch", "it": "Italian"}
OPEN = PrivacyPolicy()
REDACT_ALL = PrivacyPolicy(dict.fromkeys(Kind, "redact"))
ALLOW_ALL = PrivacyPolicy(dict.fromkeys(Kind, "allow"))
MOST_HELD = 18
"""Of the English utterances so many are taken for another language: short ones with foreign names and titles in them."""


def lines(name: str) -> list[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def sentences(name: str) -> list[tuple[str, str]]:
    """(language, sentence) of each line."""
    return [(code, text) for code, _, text in (line.partition(": ") for line in lines(name))]


PRIVATE, HARMLESS, ENGLISH = sentences("private_foreign.txt"), sentences("harmless_foreign.txt"), lines("english.txt")


def beginnings(text: str) -> list[str]:
    """What was said up to each word boundary from the third word on, the whole included."""
    words = text.split()
    return [" ".join(words[:count]) for count in range(min(3, len(words)), len(words) + 1)]


def test_there_is_enough_to_test_with() -> None:
    assert {code: sum(code == of for of, _ in PRIVATE) for code in NAMED} == dict.fromkeys(NAMED, 40)
    assert len(HARMLESS) == 50
    assert len(ENGLISH) >= 300


@pytest.mark.parametrize("treatments", [OPEN, REDACT_ALL, ALLOW_ALL], ids=["edge", "redact", "allow"])
@pytest.mark.parametrize("mode", ["cloud", "hybrid"])
def test_private_matter_in_another_language_stays_wherever_the_user_pauses(mode: Mode, treatments: PrivacyPolicy) -> None:
    left = []
    for _, text in PRIVATE + HARMLESS:
        for said in beginnings(text):
            for final in (True, False):
                verdict = check(said, treatments, final=final)
                choice = decide(verdict, HARD, None, RouteState(), REACHABLE, Policy(mode=mode, privacy=treatments))
                if choice.route != "edge" or verdict.settled or "there are no privacy rules for" not in choice.reasons[0]:
                    left.append(said)
    assert not left


def test_the_language_is_named() -> None:
    named = [foreign(text) == NAMED[code] for code, text in PRIVATE + HARMLESS]
    assert sum(named) / len(named) >= 0.98
    verdict = check("ich verdiene zweiundvierzigtausend euro im jahr", OPEN)
    choice = decide(verdict, HARD, None, RouteState(), REACHABLE, Policy(mode="cloud"))
    assert choice.reasons == ("there are no privacy rules for German: it stays on the device",)


def test_english_is_not_held_back() -> None:
    held = [text for text in ENGLISH if foreign(text) is not None]
    assert len(held) <= MOST_HELD, held


@pytest.mark.parametrize(
    "text",
    [
        *(
            "okay",
            "yes",
            "hola",
            "gracias",
            "no no no",
            "la la la la",
            "um hm yeah",
            "i am",
            "yes i do",
            "",
            "?!",
            "42",
            "a a a",
        ),
        *("play despacito", "play la vie en rose by edith piaf", "add la mejor música to my playlist", "call josé garcía"),
        *("add guacamole tortillas and jalapeños to my shopping list", "how do you say guten morgen in english"),
        *("my card is four one one one one one one one", "set a timer for ten minutes", "what does привет mean"),
    ],
)
def test_short_answers_names_titles_and_loan_words_pass(text: str) -> None:
    assert foreign(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "tell my boss que tengo cáncer de mama",
        "hey so um i wanted to say that ich bin seit mai in behandlung and i do not know how to go on",
        "tell my sister у меня нашли рак",
        "write to my doctor 我得了乳腺癌",
        "tengo cáncer",
    ],
)
def test_a_foreign_stretch_in_an_english_sentence_stays(text: str) -> None:
    verdict = check(text, ALLOW_ALL)
    assert (verdict.treatment, verdict.settled) == ("edge", 0)
    assert verdict.language is not None


def test_a_foreign_stretch_in_any_of_many_sentences_is_seen() -> None:
    frames = ("tell my boss {}", "remind me that {}", "{} what should i do now", "so um i wanted to say {} and i cannot go on")
    missed = [frame.format(text) for frame in frames for _, text in PRIVATE if foreign(frame.format(text)) is None]
    assert not missed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("у меня рак", {"Russian", "Ukrainian"}),
        ("έχω καρκίνο", {"Greek"}),
        ("我得了癌症", {"Chinese"}),
        ("癌になりました", {"Japanese"}),
        ("나는 암에 걸렸어요", {"Korean"}),
        ("عندي سرطان", {"Arabic"}),
        ("eu tenho câncer de mama", {"Portuguese"}),
        ("mam raka i boję się śmierci", {"Polish"}),
        ("jag har cancer och vill inte att någon vet", {"Swedish"}),
        ("kanser oldum ve kimse bilmiyor", {"Turkish"}),
    ],
)
def test_other_languages_and_scripts_are_told(text: str, named: set[str]) -> None:
    assert foreign(text) in named


def test_a_long_text_is_read_in_time_and_to_its_end() -> None:
    english = "please tell me how the weather will be tomorrow and on the day after that " * 60
    assert foreign(english) is None
    assert foreign(english + "und sag meinem chef dass ich krebs habe") == "German"
    assert foreign("ich habe seit zwei jahren krebs und niemand weiß es " * 100) == "German"


def test_the_library_is_asked_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Never:
        def rank(self, text: str) -> list[tuple[str, float]]:
            asked.append(text)
            return [("en", 1.0), ("de", 0.0)]

    monkeypatch.setattr(language, "load", Never)
    foreign("zoltan piroska gergely tunde balint reka " * 150)
    assert 0 < len(asked) <= 2 * language.MOST_ASKED
    asked.clear()
    foreign("what will the weather be like tomorrow")
    assert not asked


def test_a_turn_is_as_foreign_as_its_newest_transcript_unless_that_was_long() -> None:
    watch = PrivacyWatch(OPEN)
    assert watch.see("add sweet black angel to my diarios de bicicleta").language == "Spanish"
    watch = PrivacyWatch(OPEN)
    assert watch.see("ich habe krebs").treatment == "edge"
    assert watch.see("which of a crab", final=True).treatment == "allow"
    assert watch.treatment == "allow"
    assert watch.see("ich habe krebs und niemand weiß es").language == "German"
    verdict = watch.see("which of a crab and nobody knows it", final=True)
    assert (verdict.language, verdict.treatment, verdict.settled, watch.treatment) == ("German", "edge", 0, "edge")


def test_private_kinds_found_beside_a_language_stay_found() -> None:
    watch = PrivacyWatch(REDACT_ALL)
    assert Kind.EMAIL in {found.kind for found in watch.see("ich heiße anna@example.org und").findings}
    assert watch.see("which of a crab", final=True).treatment == "redact"


@given(st.text(max_size=200))
def test_any_text_is_fine(text: str) -> None:
    assert foreign(text) in {None, *language.NAMES.values()}
