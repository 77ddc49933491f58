"""The page that ``voice trace report`` writes: whole by itself, nothing in it is markup but its own, accessible."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.traces.turns import lines, parsed, turn
from tests.web.browser import page_at, violations
from voice.cli import app
from voice.traces.charts import money, ticks
from voice.traces.record import Record
from voice.traces.report import report

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;\x00"


def many() -> list[Record]:
    """Turns of all kinds."""
    cloud = {"requests": 1, "words": [["edge", 4], ["cloud", 19]], "fallback": None}
    late = {"requests": 2, "words": [["edge", 9]], "fallback": "cloud_late"}
    return [
        *(parsed(turn(number, ttfa=200.0 + 7 * number)) for number in range(1, 20)),
        parsed(
            turn(
                20,
                tier="cloud",
                cloud=cloud,
                draft={"mode": "eager", "acceptance": 0.75, "rounds": 4},
                user="ann",
                feature="kitchen",
            )
        ),
        parsed(turn(21, ttfa=650.0, cloud=late, user_text="What is a kettle?", reply_text="It boils water.")),
        parsed(turn(23, filler=True, offsets_ms=turn()["offsets_ms"] | {"answer_heard": 700.0})),
        parsed(turn(22, ttfa=310.0, end_reason="interrupted", reopenings=1, typed=True)),
    ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_needs_nothing_else_and_text_is_never_markup() -> None:
    names: dict[str, Any] = dict.fromkeys(
        ("conversation", "tier", "end_reason", "skill", "user", "feature", "user_text", "reply_text"), EVIL
    )
    evil = parsed(
        turn(
            1,
            **names,
            route={"task": EVIL, "reasons": [EVIL]},
            cloud={"fallback": EVIL},
            cost={"currency": EVIL, "edge": 1.0},
        )
    )
    page = report([evil, *many()], source=EVIL, bad_lines=3)
    reader = _Reader()
    reader.feed(page)
    assert reader.open == []
    assert not reader.tags & {"script", "img", "link", "iframe", "object", "a"}
    assert not {name for name in reader.attributes if name.startswith("on")} | reader.attributes & {"src", "href", "style"}
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    assert "\x00" not in page
    assert "3 lines of the log could not be read" in page


def test_what_was_said_is_there_where_the_log_has_it() -> None:
    page = report(many(), source="a log")
    assert "What is a kettle?" in page
    assert "It boils water." in page
    assert page.count("<blockquote") == 1
    assert "the edge stepped in: cloud late" in page
    assert "user: ann" in page
    assert "feature: kitchen" in page
    assert "Medians over the 1 turn that the edge drafted" in page
    assert "opened by a filler, 4% of replies" in page
    assert "first sound after 280 ms: a filler" in page
    assert "median to the first sound of any kind, 95th percentile 333 ms" in page


def test_turns_without_a_reply_make_a_page_too() -> None:
    bare = parsed({"turn": 1, "marks": {}, "offsets_ms": {}, "stages_ms": {}, "forecast_ms": {}})
    assert "No turn had a reply" in report([bare], source="a log")


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "0"), (12.3, "12"), (1234.5, "1,234"), (0.000123, "0.00012"), (-0.5, "-0.50")]
)
def test_money_is_short_and_plain(amount: float, shown: str) -> None:
    assert money(amount) == shown


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 3, 4) == [0, 1, 2, 3]
    assert ticks(0, 820, 6) == [0, 200, 400, 600, 800]
    assert all(low <= tick <= high for low, high in ((-3.2, 7.9), (0, 1e15), (0.1, 0.13)) for tick in ticks(low, high, 5))


@pytest.mark.needs("chromium")
async def test_in_a_browser_axe_finds_nothing_and_a_phone_is_wide_enough(tmp_path: Path) -> None:
    log = tmp_path / "turns.jsonl"
    log.write_bytes(lines(turn(1), turn(2, ttfa=430.0, user_text="What is a kettle?", reply_text="It boils water.")) + b"x\n")
    file = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["trace", "report", str(file), "--log", str(log)])
    assert done.exit_code == 0, done.output
    async with page_at(file.as_uri(), tap=False, viewport={"width": 360, "height": 640}) as page:
        assert (
            await page.locator("h1").inner_text() == "50% of replies began within 300\u00a0ms, half of all within 280\u00a0ms"
        )
        assert await page.get_by_role("img").count() >= 8
        await page.emulate_media(color_scheme="light")
        assert await violations(page) == []
        await page.emulate_media(color_scheme="dark")
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
