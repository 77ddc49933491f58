import json
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql
from typer.testing import CliRunner

from voice.cli import app
from voice.core.config import CostConfig
from voice.core.errors import ConfigError
from voice.cost.ledger import TURNS, Entry, Ledger, report, url_of


def entry(turn: int, **more: object) -> Entry:
    values: dict[str, object] = {"session": "s", "turn": turn, "at_s": 1000.0 + turn, "tier": "edge", **more}
    return Entry(**values)  # type: ignore[arg-type]


def test_what_was_recorded_is_reported(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ledger.sqlite'}"
    ledger = Ledger(url)
    written = [ledger.record(entry(turn, tokens_edge=10, cost_edge=5.0)) for turn in range(100)]
    written.append(ledger.record(entry(100, tier="cloud", tokens_in=50, cost_cloud=2e6, cost_all_cloud=3e6, counted=False)))
    assert all(future.result(10) for future in written)
    ledger.close()
    cloud, edge, everything = report(url, by="tier")
    assert (cloud["group"], cloud["turns"], cloud["tokens_in"], cloud["cost_cloud"]) == ("cloud", 1, 50, 2.0)
    assert cloud["saved_against_all_cloud"] == pytest.approx(1.0)
    assert (edge["turns"], edge["tokens_edge"]) == (100, 1000)
    assert everything["turns"] == 101
    assert everything["estimated"]
    assert [row["turns"] for row in report(url, by="session", since_s=1100.0)] == [1, 1]


def test_a_turn_written_again_is_still_one_turn(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    for tokens in (1, 2, 3):
        ledger = Ledger(url)
        assert ledger.record(entry(7, tokens_edge=tokens)).result(10)
        ledger.close()
    assert report(url, by="user")[-1]["tokens_edge"] == 3


def test_a_database_that_cannot_be_written_loses_rows_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert ledger.record(entry(1)).result(10) is False
    assert ledger.lost == 1
    ledger.close()
    ledger.close()


@pytest.mark.parametrize("url", ["nonsense", "no-such-kind://x", "postgresql+nodriver://x/y"])
def test_an_address_of_no_use_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"cost\.ledger"):
        Ledger(url if "://" in url else f"{url}://")


def test_a_ledger_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has any turn been written"):
        report(f"sqlite:///{tmp_path / 'none.sqlite'}", by="day")


def test_the_settings_name_a_file_or_an_address(tmp_path: Path) -> None:
    assert url_of(CostConfig(ledger=str(tmp_path / "x.sqlite"))) == f"sqlite:///{tmp_path / 'x.sqlite'}"
    assert url_of(CostConfig(ledger="postgresql://me@db/voice")) == "postgresql://me@db/voice"
    assert url_of(CostConfig(ledger="off")) == "off"
    assert url_of(CostConfig()).endswith("ledger.sqlite")


def test_postgresql_understands_what_is_said() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert "voice_turns" in str(sql.schema.CreateTable(TURNS).compile(dialect=dialect))
    assert "INSERT INTO voice_turns" in str(sql.insert(TURNS).compile(dialect=dialect))


WRITER = """
import sys
from voice.cost.ledger import Entry, Ledger
ledger = Ledger(sys.argv[1])
for turn in range(10**6):
    if ledger.record(Entry(sys.argv[2], turn, 1.0 + turn, "edge", tokens_edge=turn)).result(10):
        print(turn, flush=True)
"""


@pytest.mark.slow
def test_what_was_said_to_be_written_survives_fifty_kills(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    chance = random.Random(1)
    acknowledged: set[tuple[str, int]] = set()
    for batch in range(10):
        writers = {
            f"{batch}-{number}": subprocess.Popen(
                [sys.executable, "-c", WRITER, url, f"{batch}-{number}"], stdout=subprocess.PIPE, text=True
            )
            for number in range(5)
        }
        for name, writer in writers.items():
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 20))]
            writer.send_signal(signal.SIGKILL)
            lines += writer.communicate()[0].splitlines()
            acknowledged |= {(name, int(line)) for line in lines}
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = set(database.execute("SELECT session, turn FROM voice_turns"))
    assert len({name for name, _ in acknowledged}) == 50
    assert acknowledged <= kept


def test_a_ledger_of_an_older_version_is_read_and_gets_what_it_lacks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        database.execute(
            "CREATE TABLE voice_turns (session VARCHAR, turn BIGINT, at_s DOUBLE, tier VARCHAR, tokens_edge BIGINT, "
            "PRIMARY KEY (session, turn))"
        )
        database.execute("INSERT INTO voice_turns VALUES ('old', 1, 5.0, 'edge', 12)")
        database.commit()
    (before, _) = report(url, by="user")
    assert (before["group"], before["tokens_edge"], before["tokens_in"], before["estimated"]) == ("-", 12, 0, False)
    ledger = Ledger(url)
    assert ledger.record(entry(1, user="ann", feature="kitchen", tokens_in=7, cost_all_cloud=3e6)).result(10)
    ledger.close()
    old, ann, everything = report(url, by="user")
    assert (old["group"], old["tokens_edge"], old["estimated"]) == ("-", 12, False)
    assert (ann["group"], ann["tokens_in"]) == ("ann", 7)
    assert everything["saved_against_all_cloud"] == pytest.approx(3.0)


def test_two_processes_may_bring_a_ledger_up_to_date_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        database.execute("CREATE TABLE voice_turns (session VARCHAR, turn BIGINT, at_s DOUBLE, tier VARCHAR)")
        database.commit()
    ledgers = [Ledger(url) for _ in range(4)]
    written = [ledger.record(entry(number, session=f"s{number}")) for number, ledger in enumerate(ledgers)]
    assert all(future.result(30) for future in written)
    for ledger in ledgers:
        ledger.close()
    assert report(url, by="session")[-1]["turns"] == 4


def test_the_command_reports_by_each_of_them(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    for turn in (2, 10):
        assert ledger.record(entry(turn, user="[/ann]", feature="kitchen", cost_edge=1e6, cost_all_cloud=5e6)).result(10)
    ledger.close()
    shown = {}
    for by in ("day", "session", "user", "feature", "tier", "turn"):
        place = f"cost.ledger={tmp_path / 'ledger.sqlite'}"
        done = CliRunner().invoke(app, ["--set", place, "cost", "--by", by, "--json"])
        assert done.exit_code == 0, done.output
        shown[by] = [json.loads(line) for line in done.output.splitlines()]
        assert CliRunner().invoke(app, ["--set", place, "cost", "--by", by]).exit_code == 0
    assert [row["group"] for row in shown["turn"]] == ["s 2", "s 10", "all"]
    assert shown["user"][0]["group"] == "[/ann]"
    assert shown["feature"][0]["saved_against_all_cloud"] == pytest.approx(8.0)
    assert CliRunner().invoke(app, ["cost", "--by", "colour"]).exit_code == 2
