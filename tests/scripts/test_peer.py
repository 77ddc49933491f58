"""The comparison with a peer: its command line and its arithmetic. No peer is needed."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scripts.peer import cli, environment, servers
from scripts.peer.measure import against, against_by_own_words, rotated
from scripts.peer.servers import OURS, PEERS, System
from voice.bench.conversation.latency import result
from voice.bench.conversation.streaming import HeardReply
from voice.bench.data.hesitation import HESITATION
from voice.core.errors import ConfigError, ServerUnreachable

ROOT = Path(__file__).parents[2]


def heard(name: str, ms: float | None, *, cut_off: bool = False) -> HeardReply:
    return HeardReply(name, 2.0, voice_to_voice_ms=ms, cut_off=cut_off)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "scripts.peer", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_the_peer_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Pipecat is not installed.*scripts/bench_peer --install"):
        environment.check(tmp_path)


def test_an_environment_of_another_lock_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "peer.lock"
    lock.write_text("pipecat-ai==1\n")
    (tmp_path / environment.STAMP).write_text(environment._digest(lock))
    environment.check(tmp_path, lock)
    lock.write_text("pipecat-ai==2\n")
    with pytest.raises(ConfigError, match=r"another peer\.lock"):
        environment.check(tmp_path, lock)


def test_the_lock_pins_pipecat_with_hashes_and_names_no_registry() -> None:
    text = environment.LOCK.read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert "pipecat-ai" in pinned
    assert len(pinned) == len(re.findall("==", re.sub(r" ;.*", "", text)))
    assert "://" not in text
    assert "torch" not in pinned


def test_an_unknown_system_is_one_line_and_exit_code_2() -> None:
    done = run("--system", "skynet")
    assert done.returncode == 2
    assert "no system is called 'skynet'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_impossible_limit_is_refused() -> None:
    done = run("--limit", "0")
    assert done.returncode == 2
    assert "--limit" in done.stderr


def test_systems_are_chosen_once_and_in_a_fixed_order() -> None:
    assert cli.chosen(None) == [OURS, *PEERS]
    assert cli.chosen(["pipecat-tuned", OURS, OURS]) == [OURS, "pipecat-tuned"]


@given(count=st.integers(1, 5), turns=st.integers(1, 30))
def test_in_the_long_run_each_system_is_equally_often_first(count: int, turns: int) -> None:
    systems = [System(str(number), "", ()) for number in range(count)]
    orders = [rotated(systems, turn) for turn in range(turns * count)]
    assert all(sorted(one.name for one in order) == sorted(one.name for one in systems) for order in orders)
    assert all(sum(order[0] is one for order in orders) == turns for one in systems)


def test_quotients_are_theirs_by_ours_and_paired_over_what_both_answered() -> None:
    heard_by_system = {
        OURS: {"read": [heard("a", 200.0), heard("b", 400.0)], HESITATION: [heard("h", 9000.0)]},
        "peer": {"read": [heard("a", 1000.0), heard("b", None)], HESITATION: [heard("h", 1.0)]},
    }
    assert against(heard_by_system)["peer"] == {"p50": 3.33, "p90": 2.63, "p95": 2.56, "paired_p50": 5.0}
    assert against({"peer": heard_by_system["peer"]}) == {}


def test_without_common_answers_there_is_no_quotient() -> None:
    found = against({OURS: {"read": [heard("a", 200.0)]}, "peer": {"read": [heard("a", None)]}})
    assert found == {"peer": {"p50": None, "p90": None, "p95": None, "paired_p50": None}}


def filled(name: str, ms: float, behind_ms: float) -> HeardReply:
    return HeardReply(name, 2.0, voice_to_voice_ms=ms, record={"filler": True, "filler_ms": behind_ms})


def test_sets_are_compared_apart_and_by_own_words() -> None:
    heard_by_system = {
        OURS: {"read": [filled("a", 200.0, 300.0)], "noise": [heard("b", 400.0)]},
        "peer": {"read": [heard("a", 1000.0)], "noise": [heard("b", 600.0)]},
    }
    assert against_by_own_words(heard_by_system, "read")["peer"]["p50"] == 2.0
    assert against_by_own_words(heard_by_system, "noise")["peer"]["p50"] == 1.5
    assert against_by_own_words({"peer": heard_by_system["peer"]}, "read") == {}


def test_the_table_shows_three_columns_beside_cut_offs_set_by_set() -> None:
    systems = {
        OURS: result({"read": [filled("a", 200.0, 300.0)], "noise": [heard("b", None)]}, cpu_s=1.0, rss_mib=100.0),
        "pipecat-default": result({"read": [heard("a", 1200.0, cut_off=True)], "noise": []}, cpu_s=2.0, rss_mib=900.0),
    }
    shown = {
        "recordings": {"read": 1, "noise": 1},
        "systems": systems,
        "against_voice_by_set": {"read": {"pipecat-default": {"p50": 2.4}}},
    }
    printed = io.StringIO()
    console = Console(width=cli.TABLE_COLUMNS, file=printed)
    console.print(cli.table(shown))
    console.print(cli.resources(shown))
    rows = [line.replace("│", " ").split() for line in printed.getvalue().splitlines() if "│" in line]
    assert ["read", OURS, "500", "500", "500", "200", "200", "1", "(100%)", "-", "0/1", "0.0", "%", "-"] in rows
    assert ["pipecat-default", "1200", "1200", "1200", "1200", "1200", "0", "(0%)", "2.4", "0/1", "100.0", "%", "-"] in rows
    assert ["noise", OURS, "-", "-", "-", "-", "-", "0", "-", "1/1", "0.0", "%", "-"] in rows
    assert ["pipecat-default", "60.0", "900"] in rows


async def test_a_system_that_never_rests_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        used_s = 0.0

        def cpu_times(self) -> tuple[float, float]:
            self.used_s += 1.0
            return (self.used_s, 0.0)

    monkeypatch.setattr(servers, "QUIET_S", 0.0)
    monkeypatch.setattr(servers, "QUIET_WITHIN_S", 0.01)
    with pytest.raises(ServerUnreachable, match="busy-one still computes"):
        await System("busy-one", "", (cast(psutil.Process, Busy()),)).quiet()


def test_only_the_tuned_peer_gets_what_voice_sets_for_itself() -> None:
    program = (
        "from scripts.peer import given, servers; import voice\n"
        "print([servers.variables(name).get('GOMP_SPINCOUNT') for name in ('pipecat-default', 'pipecat-tuned')])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    for variables, default in ((clean, None), ({**clean, "GOMP_SPINCOUNT": "7"}, "7")):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.strip() == str([default, default or "1000"])
