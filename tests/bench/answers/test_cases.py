"""Conversations that can be checked: what a manifest may hold, and what is right."""

from pathlib import Path

import pytest

from voice.bench.answers import cases
from voice.bench.answers.cases import AnswerCase, parse_cases, read_cases
from voice.core.errors import ConfigError

LINE = '{"kind": "fact", "turns": ["Who wrote Faust?"], "accept": "goethe"}'


def test_a_line_is_a_conversation() -> None:
    line = '{"kind": "context", "turns": ["Hello.", "And?"], "accept": "a|b", "reject": "c", "note": "ours"}'
    found = parse_cases([LINE, "", line], "m.jsonl")
    assert found == [AnswerCase("fact", ("Who wrote Faust?",), "goethe"), AnswerCase("context", ("Hello.", "And?"), "a|b", "c")]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("{", "truncated"),
        ("[]", "object"),
        ('{"kind": "joke", "turns": ["Hi."], "accept": "a"}', "joke"),
        ('{"kind": "fact", "turns": [], "accept": "a"}', "turns"),
        ('{"kind": "fact", "turns": [" "], "accept": "a"}', "turns"),
        ('{"kind": "fact", "turns": "Hi.", "accept": "a"}', "turns"),
        ('{"kind": "fact", "turns": ["Hi."]}', "accept"),
        ('{"kind": "fact", "turns": ["Hi."], "accept": ""}', "accept"),
        ('{"kind": "fact", "turns": ["Hi."], "accept": "(a"}', "regular expression"),
        ('{"kind": "fact", "turns": ["Hi."], "accept": "a", "reject": "*"}', "regular expression"),
    ],
)
def test_a_bad_line_is_named_with_its_cause(line: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=r"m\.jsonl, line 2") as caught:
        parse_cases([LINE, line], "m.jsonl")
    assert cause in str(caught.value)


def test_a_manifest_without_conversations_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no conversation"):
        parse_cases(["", " "], "m.jsonl")
    with pytest.raises(ConfigError, match="cannot read"):
        read_cases(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        read_cases(tmp_path / "bytes.jsonl")
    monkeypatch.setattr(cases, "DATA", tmp_path / "nowhere.jsonl")
    with pytest.raises(ConfigError, match="--manifest"):
        read_cases(None)


def test_a_limit_is_spread_over_the_whole(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("\n".join(LINE.replace("Faust", str(number)) for number in range(9)))
    assert [case.turns[0] for case in read_cases(manifest, limit=3)] == [f"Who wrote {number}?" for number in (0, 4, 8)]
    assert len(read_cases(manifest)) == 9


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("I CAN'T do that.", True),
        ("I can\u2019t do that.", True),
        ("I can't, so I'll play it.", False),
        ("Now playing.", False),
        ("", False),
    ],
)
def test_right_is_what_holds_the_one_and_not_the_other(reply: str, right: bool) -> None:
    assert AnswerCase("cannot", ("Play it.",), "can'?t", r"\bi'll play|now playing").is_right(reply) is right


def test_without_a_reject_anything_may_stand_in_it() -> None:
    assert AnswerCase("fact", ("Who?",), "goethe").is_right("I think it was Goethe, or nobody.")
