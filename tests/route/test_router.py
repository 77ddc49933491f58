"""The shipped model, through the router and its command."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from voice.commands.route import route
from voice.core.errors import ModelError, ModelMissing
from voice.privacy.findings import Kind
from voice.privacy.gate import PrivacyPolicy
from voice.route.encoder import Encoder, clip_ids
from voice.route.labels import Task
from voice.route.policy import Forecast, Policy, RouteState
from voice.route.router import BUDGET_MS, Router, locate

pytestmark = pytest.mark.real
REACHABLE = Forecast(cloud_first_ms=200.0)


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(locate())


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("turn off the lights in the living room", Task.DEVICE_COMMAND),
        ("set a timer for ten minutes", Task.TIMER_CALENDAR),
        ("what's the weather like tomorrow", Task.SHORT_FACTUAL),
        ("hello how are you", Task.CHIT_CHAT),
        ("summarize the following paragraph in one sentence", Task.EXTRACTION),
        ("write a python function that reverses a linked list", Task.CODE),
        ("write a short story about a wolf and a shepherd", Task.LONG_FORM),
        ("explain how vaccines train the immune system", Task.WORLD_KNOWLEDGE),
        ("if three men dig a hole in four hours how long do six men need", Task.REASONING),
    ],
)
def test_a_plain_example_of_each_class(router: Router, text: str, task: Task) -> None:
    heads = router.decide(text, forecast=REACHABLE).heads
    assert heads is not None
    assert heads.task is task


def test_easy_on_the_edge_hard_to_the_cloud_private_never(router: Router) -> None:
    def where(text: str) -> str:
        return router.decide(text, forecast=REACHABLE).choice.route

    assert where("turn on the lamp") == "edge"
    assert where("write a long essay about the history of the steam engine") == "cloud"
    assert where("write an essay about me my name is priya raman and i live at twelve oak tree road") == "edge"
    assert router.decide("write an essay", state=RouteState(tainted=True), forecast=REACHABLE).choice.route == "edge"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\x00\x07\x1b",
        "🎉🔥🎉",
        "今天天气怎么样?",
        "ما هو الطقس",
        "word " * 10_000,
        "a" * 9000,
        "\ud800 broken",
        "٤١١١ " * 30,
        "?!" * 400,
    ],
)
def test_any_text_ends_in_a_safe_decision_with_a_reason(router: Router, text: str) -> None:
    decision = router.decide(text, forecast=REACHABLE)
    assert decision.choice.reasons
    json.dumps(decision.record(text))
    if not any(c.isalnum() for c in text) or len(text) > 6000:
        assert decision.choice.route == "edge"


def test_over_budget_is_said(router: Router) -> None:
    decision = router.decide("of " * 1900, forecast=REACHABLE)
    assert (decision.took_ms > BUDGET_MS) == any("over its" in reason for reason in decision.choice.reasons)


def test_a_failing_encoder_leaves_the_gate_standing(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(router._encoder, "read", fail)
    for text in ("what is the weather", "my card is 4111 1111 1111 1111"):
        decision = router.decide(text, forecast=REACHABLE)
        assert decision.choice.route == "edge"
        assert any("boom" in reason for reason in decision.choice.reasons)
    assert decision.verdict.findings[0].kind is Kind.CARD


def test_redaction_lets_a_turn_go_with_placeholders() -> None:
    rules = Policy(mode="cloud", privacy=PrivacyPolicy({Kind.NAME: "redact"}))
    choice = Router(locate(), rules).decide("my name is priya raman", forecast=REACHABLE).choice
    assert (choice.route, choice.redact) == ("cloud", True)


def test_partials_of_one_turn_stay_private_once_they_were(router: Router) -> None:
    watch = router.watch()
    router.decide("my card is four one one one two two two two", final=False, watch=watch)
    assert router.decide("what is the weather", watch=watch, forecast=REACHABLE).choice.route == "edge"


# --- a model that is not what it should be -----------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "router"
    shutil.copytree(locate(), folder)
    return folder


def test_a_damaged_model_is_refused_with_the_cure(copy: Path) -> None:
    path = copy / "router.onnx"
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")
    with pytest.raises(ModelError, match=r"router\.onnx is damaged.*again"):
        Encoder(copy)


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelMissing, match="tokenizer"):
        Encoder(copy)


@pytest.mark.parametrize("content", ["not json", "[]", "{}"])
def test_a_card_that_is_none_is_refused(copy: Path, content: str) -> None:
    (copy / "router.json").write_text(content)
    with pytest.raises(ModelError, match=r"router\.json"):
        Encoder(copy)


def test_other_classes_are_refused(copy: Path) -> None:
    card = json.loads((copy / "router.json").read_text())
    card["tasks"] = card["tasks"][:-1]
    (copy / "router.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="other classes"):
        Encoder(copy)


def test_other_heads_are_refused(copy: Path) -> None:
    import onnx

    model = onnx.load(copy / "router.onnx")
    kept = [output for output in model.graph.output if output.name != "tags"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    content = model.SerializeToString()
    (copy / "router.onnx").write_bytes(content)
    card = json.loads((copy / "router.json").read_text())
    card["files"]["router.onnx"] = hashlib.sha256(content).hexdigest()
    (copy / "router.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="head 'tags' is missing"):
        Encoder(copy)


def test_what_is_shipped_is_small() -> None:
    assert sum(path.stat().st_size for path in locate().iterdir()) < 15_000_000


def test_clipping_keeps_both_ends() -> None:
    assert clip_ids(list(range(10)), 6) == [0, 1, 2, 3, 8, 9]
    assert clip_ids([1, 2], 6) == [1, 2]


# --- the command -------------------------------------------------------------------------------------------------------------

app = typer.Typer()
app.command()(route)
run = CliRunner().invoke


def test_the_command_explains_as_json() -> None:
    result = run(app, ["call me at 020 7946 0958", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["route"] == "edge"
    assert found["gate"]["findings"][0]["text"] == "020 7946 0958"
    assert found["ms"]["total"] > 0


def test_the_command_reads_a_file_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text('{"text": "turn on the light"}\n\n{"text": "my pin is 2788"}\n', encoding="utf-8")
    result = run(app, ["--jsonl", str(path)])
    assert result.exit_code == 0
    first, second = (json.loads(line) for line in result.output.splitlines())
    assert first["gate"]["findings"] == []
    assert second["gate"]["findings"][0]["kind"] == "secret"


@pytest.mark.parametrize("arguments", [[], ["text", "--jsonl", "x"], ["text", "--mode", "moon"], ["text", "--redact", "shoes"]])
def test_wrong_arguments_are_named(arguments: list[str]) -> None:
    assert run(app, arguments).exit_code == 2


@pytest.mark.parametrize("content", ["nonsense", "[1]", '{"words": 3}', '{"text": 3}'])
def test_a_wrong_line_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(f'{{"text": "hello"}}\n{content}\n', encoding="utf-8")
    result = run(app, ["--jsonl", str(path)])
    assert result.exit_code != 0
    assert "said.jsonl:2" in str(result.exception)
