"""The rules alone, without the encoder: what holds here holds also when the model fails."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.bench.router import spoken
from voice.privacy import gate
from voice.privacy.findings import Kind, TaggedSpan
from voice.privacy.gate import PrivacyPolicy, PrivacyWatch, check

OPEN = PrivacyPolicy()


def kinds(text: str) -> list[Kind]:
    return [found.kind for found in check(text, OPEN).findings]


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("my card is four one one one one one one one one one one one one one one one", Kind.CARD, None),
        ("charge 4111-1111-1111-1111 please", Kind.CARD, "4111-1111-1111-1111"),
        ("call me at five five five um no wait five five six one two one two", Kind.PHONE, None),
        ("my email is jay at gmail dot com", Kind.EMAIL, "jay at gmail dot com"),
        ("it's kate.winters@example.org", Kind.EMAIL, "kate.winters@example.org"),
        ("my name is priya raman", Kind.NAME, "priya raman"),
        ("my surname is k o w a l s k i", Kind.NAME, "k o w a l s k i"),
        ("i live at twelve forty-five maple avenue", Kind.ADDRESS, "twelve forty-five maple avenue"),
        ("i was born on the third of may nineteen eighty four", Kind.BIRTH_DATE, None),
        ("my social is two one nine oh nine nine nine nine nine", Kind.NATIONAL_ID, None),
        ("transfer to DE89 3704 0044 0532 0130 00", Kind.IBAN, "DE89 3704 0044 0532 0130 00"),
        ("iban d e eight nine three seven oh four oh oh four four oh five three two oh one three oh oh oh", Kind.IBAN, None),
        ("my passport number is x four three double two nine one", Kind.PASSPORT, None),
        ("my pin is two seven eight eight", Kind.SECRET, "two seven eight eight"),
        ("my wifi password is sunflower", Kind.SECRET, "sunflower"),
        ("i have type two diabetes", Kind.MEDICAL, None),
        ("my mother was diagnosed with cancer", Kind.MEDICAL, None),
        ("my salary is four thousand euros", Kind.FINANCIAL, None),
        ("i filed for bankruptcy", Kind.FINANCIAL, None),
        ("i am thirty four years old", Kind.AGE, None),
        ("the box is at one nine two dot one six eight dot zero dot one", Kind.IP_ADDRESS, None),
        ("so nine eight two one three three four", Kind.DIGITS, "nine eight two one three three four"),
    ],
)
def test_finds_what_people_say(text: str, kind: Kind, span: str | None) -> None:
    verdict = check(text, OPEN)
    assert kind in [found.kind for found in verdict.findings], verdict.findings
    assert verdict.treatment == "edge"
    if span is not None:
        found = next(found for found in verdict.findings if found.kind is kind)
        assert text[found.start : found.end] == span


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("my card number is 4,111,111,111,111,111", Kind.CARD, "4,111,111,111,111,111"),
        ("4,111,111,111,111,111 is the card", Kind.CARD, "4,111,111,111,111,111"),
        ("my card number is 4,111,111,111,111,112.", Kind.CARD, "4,111,111,111,111,112"),
        ("call me back at 5,551,212", Kind.PHONE, "5,551,212"),
        ("my phone number is 2,025,550,143 please call", Kind.PHONE, "2,025,550,143"),
        ("text 5,551,212 and say hi", Kind.PHONE, "5,551,212"),
        ("my social security number is 219,099,999", Kind.NATIONAL_ID, "219,099,999"),
        ("my account number is 12,345,678", Kind.ACCOUNT, "12,345,678"),
    ],
)
def test_numbers_that_are_written_with_commas_are_read(text: str, kind: Kind, span: str) -> None:
    verdict = check(text, OPEN)
    assert [(found.kind, text[found.start : found.end]) for found in verdict.findings] == [(kind, span)]


@pytest.mark.parametrize(
    "text",
    [
        "the population is 4,111,111",
        "is the population of berlin 3,700,000",
        "the phone sold 12,000,000 copies",
        "the call center took 1,200,000 calls last year",
        "the bank is worth 1,200,000,000",
        "what is 1,234,567 times 3",
        "the social network has 2,900,000,000 users",
        "how far is 384,400 km on a phone call",
        "the visa costs $1,000,000",
        "they paid by card 1,500,000 dollars in all",
    ],
)
def test_what_is_counted_with_commas_is_nobodys_number(text: str) -> None:
    assert not check(text, OPEN).findings


@pytest.mark.parametrize(
    "text",
    [
        "my order number is four five six one two three",
        "i'm in room two twelve",
        "what happened in nineteen eighty nine",
        "it costs one thousand two hundred dollars",
        "tell me about the dot com boom",
        "look at amazon dot com",
        "set a timer for twenty five minutes",
        "what is diabetes",
        "how do mortgages work",
        "when was einstein born",
        "call me a taxi",
        "i'm fine thanks",
        "count one two three four five six seven eight",
        "pi is three point one four one five nine two six five",
        "what's my account balance",
        "flight b a two four seven",
        "play radio one oh one point five",
        "",
        "🎉🎉🎉",
        "\x00\x01 \u200b",
        "今天天气怎么样",
    ],
)
def test_leaves_near_misses_alone(text: str) -> None:
    assert check(text, OPEN).findings == ()


@given(st.integers(10**12, 10**19 - 1), st.integers(0, 1000))
@settings(max_examples=60)
def test_fails_closed_on_any_long_number_said_in_any_way(number: int, seed: int) -> None:
    said = spoken.digits(str(number), random.Random(seed))
    assert check(f"so {said}", OPEN).treatment == "edge", said


@given(st.text(max_size=400))
@settings(max_examples=200)
def test_any_text_gives_ordered_findings_inside_it(text: str) -> None:
    verdict = check(text, OPEN)
    at = 0
    for found in verdict.findings:
        assert at <= found.start < found.end <= len(text)
        assert 0 <= found.confidence <= 1
        at = found.end


def test_too_long_to_read_is_private() -> None:
    verdict = check("word " * 10_000, OPEN)
    assert verdict.too_long
    assert verdict.treatment == "edge"


def test_each_kind_has_its_treatment_and_the_strictest_counts() -> None:
    policy = PrivacyPolicy({Kind.NAME: "allow", Kind.PHONE: "redact"})
    assert check("my name is priya raman", policy).treatment == "allow"
    assert check("my name is priya raman call 020 7946 0958", policy).treatment == "redact"
    assert check("my name is priya raman and my pin is 2788", policy).treatment == "edge"


def test_a_given_name_needs_the_tag_head_unless_it_is_of_somebody_known() -> None:
    assert kinds("when does johanna arrive") == []
    start = len("when does ")
    tags = (TaggedSpan("name", start, start + len("johanna"), 0.7),)
    assert [f.kind for f in check("when does johanna arrive", OPEN, tags).findings] == [Kind.NAME]
    assert kinds("tell johanna that dinner is ready") == [Kind.NAME]


def test_the_tag_head_finds_what_no_rule_knows_and_a_weak_tag_does_not() -> None:
    text = "meet at the old mill behind the church"
    assert check(text, OPEN, (TaggedSpan("address", 8, 20, 0.95),)).treatment == "edge"
    assert check(text, OPEN, (TaggedSpan("address", 8, 20, 0.4),)).treatment == "allow"


PRIVATE = [
    "so about the order my card number is four one one one two two two two three three three three four four four four",
    "please send it to my wife jay dot smith at gmail dot com thanks",
    "could you order a taxi my name is priya raman and it is urgent",
    "and then i told them that i live at twelve forty five maple avenue",
    "well you see my social is two one nine oh nine nine nine nine nine",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_prefix_settles_what_turns_out_private(text: str) -> None:
    start = check(text, OPEN).findings[0].start
    words = text.split()
    prefixes = [" ".join(words[:count]) for count in range(1, len(words) + 1)]
    assert [prefix for prefix in prefixes if check(prefix, OPEN, final=False).settled > start] == []


def test_a_harmless_partial_settles_up_to_its_last_words() -> None:
    text = "what would be a good recipe for a cake with lemon and almonds for six people"
    settled = check(text, OPEN, final=False).settled
    assert 0 < settled < len(text)
    assert check(text, OPEN).settled == len(text)


def test_a_watch_never_forgets() -> None:
    watch = PrivacyWatch(OPEN)
    assert watch.see("my pin is two seven eight eight").treatment == "edge"
    later = watch.see("what is the weather", final=True)
    assert later.treatment == "edge"
    assert later.settled == 0
    assert Kind.SECRET in watch.kinds


def test_the_gate_is_linear_enough_for_its_longest_text() -> None:
    import time

    text = ("four one two dot at my name is the box street " * 200)[: gate.MAX_CHARACTERS]
    began = time.perf_counter()
    check(text, OPEN)
    assert time.perf_counter() - began < 1.0
