import string
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice.tts.speakable import Speakable, speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        # plain words stay
        ("Sure,", "Sure,"),
        ("Don't say it: go; stop.", "Don't say it: go; stop."),
        ("a self-driving car", "a self-driving car"),
        ("NASA and the U.S.", "NASA and the U.S."),
        ("café", "café"),
        ("Привет", "Привет"),
        # markup
        ("**Bold**, *it*, __so__ and `code`.", "Bold, it, so and code."),
        ("## Heading", "Heading"),
        ("- bullet", "bullet"),
        ("\n2. Milk", "2, Milk"),
        ("[the docs](https://example.com/x)", "the docs"),
        ("| apples | 3 |", "apples, 3."),
        ("|---|:-:|", ""),
        ("***", ""),
        ("<b>hi</b>", "hi"),
        ("```python\nx = 1\n``` done", "done"),
        # addresses
        ("See https://www.example.com/docs?x=1.", "See example dot com slash docs."),
        ("Or example.org, ok", "Or example dot org, ok"),
        ("Write to me@x.com.", "Write to me at x dot com."),
        # money, units, symbols
        ("It costs $5 or $1,234.56.", "It costs 5 dollars or 1,234 dollars and 56 cents."),
        ("$1, $3 million, €20, £0.50", "1 dollar, 3 million dollars, 20 euros, 50 pence"),
        ("50% off", "50 percent off"),
        ("20°C or 68 °F", "20 degrees Celsius or 68 degrees Fahrenheit"),
        ("60 km/h, 1 kg, 20 GB", "60 kilometers per hour, 1 kilogram, 20 gigabytes"),
        ("2+2=4", "2 plus 2 equals 4"),
        ("R&B, rock & roll", "R and B, rock and roll"),
        ("~5 at -3", "about 5 at minus 3"),
        # numbers
        ("5–10, 5-10", "5 to 10, 5 to 10"),
        ("1/2 cup, ¾ cup", "one half cup, three quarters cup"),
        ("at 10:30am, 7:05, 5:00", "at 10 30 am, 7 oh 5, 5 o'clock"),
        ("on 2024-05-03", "on May third, 20 24"),
        ("in 1905, 1999, 2005, 1,999", "in 19 oh 5, 19 99, 2005, 1,999"),
        ("call (212) 555-1234", "call 2 1 2, 5 5 5, 1 2 3 4"),
        ("3.14 and the 3rd v2.0", "3.14 and the 3rd v2.0"),
        # what nobody can say
        ("hi 😀!", "hi!"),
        ("😀", ""),
        ("日本語", ""),
        ("a\u200bb\x00c\u202e", "ab c"),
        ("...", ""),
        ("Wait—what? No - yes -", "Wait, what? No, yes,"),
        ("Dr. Smith", "Dr Smith"),
    ],
)
def test_what_is_said(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_code_is_left_out_over_several_clauses() -> None:
    clean = Speakable()
    clauses = ["Try this:", "\n```python", "\nprint(1)", "\nx = 2", "\n```", "\nThat is all."]
    assert [clean(clause) for clause in clauses] == ["Try this:", "", "", "", "", "That is all."]


def test_one_reply_knows_nothing_of_another() -> None:
    Speakable()("```")
    assert Speakable()("hello") == "hello"


texts = st.one_of(
    st.text(max_size=300), st.text(alphabet=string.printable, max_size=300), st.text(alphabet="*_`#|[](<>)~-.:,/$€%°@ 0123a\n")
)


@given(texts)
@example("°" * 50)
@example("=" * 50)
def test_the_result_has_no_markup_and_a_bounded_length(text: str) -> None:
    spoken = speakable(text)
    assert not set(spoken) & set('*_`#|[]{}()<>~\\^=@&%$€\n\t"')
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Co", "So"} for char in spoken)
    assert len(spoken) <= 12 * len(text) + 20
    assert spoken == spoken.strip()
    assert not spoken or any(map(str.isalnum, spoken))


@given(
    st.lists(st.text(alphabet=string.ascii_letters, min_size=1, max_size=10), min_size=1, max_size=20),
    st.sampled_from(",.!?;:"),
)
def test_plain_prose_comes_back_as_it_is(words: list[str], end: str) -> None:
    text = " ".join(words) + end
    assert speakable(text) == text


@pytest.mark.parametrize(
    "unit", ["a", " ", "1", "*", "_", "|", "[", "](", "<a", "a.", "1,", ",", "-", " - ", "`", "\n", "$", "a@", "😀", "| "]
)
def test_hostile_text_takes_no_longer_than_its_length_warrants(unit: str) -> None:
    began_s = time.thread_time()  # of the processor: others may use it too
    speakable(unit * (20_000 // len(unit)))
    assert time.thread_time() - began_s < 1
