from voice.bench.failover.leaks import leaked, pieces

TEXT = "my pin is two seven double eight please don't tell anyone"


def test_half_a_turn_and_a_value_are_found() -> None:
    assert leaked([TEXT], '{"content": "So: pin is TWO seven, double eight."}') == [TEXT]
    assert leaked([TEXT], "it is two seven double eight") == [TEXT]
    assert leaked([TEXT], "please tell anyone about the number seven") == []


def test_what_everybody_says_is_no_leak() -> None:
    text = "what is the capital of france my name is mary ellen smith"
    assert leaked([text], "what is the capital of france", ["What is the capital of France?"]) == []
    assert leaked([text], "what is the capital of france") == [text]


def test_short_words_are_no_value_by_themselves() -> None:
    assert "am" not in {piece.strip() for piece in pieces("i am al")}
    assert min(len(piece.strip()) for piece in pieces("i am al and mary ellen smith")) >= 5


def test_an_empty_utterance_has_no_pieces() -> None:
    assert pieces("") == set()
