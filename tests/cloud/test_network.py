"""Which network it is, and what the settings make of it."""

import asyncio
from pathlib import Path

import pytest

from voice.cloud import network
from voice.cloud.network import Network, look, parsed, refusal, restricted
from voice.core.config import CloudConfig


def test_names_and_price_are_read() -> None:
    found = parsed("home: upstairs\nlo\nof\\: colons\n\n".replace("home: upstairs", "home"), "u 3\n")
    assert found == Network(frozenset({"home", "of: colons"}), metered=True)
    assert parsed("", "") == Network()
    assert [parsed("", f"u {number}").metered for number in range(5)] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("here", "settings", "says"),
    [
        (Network(), {}, ""),
        (Network(frozenset({"train"}), True), {}, ""),
        (Network(frozenset({"train"}), True), {"metered": "avoid"}, "metered"),
        (Network(frozenset({"home"}), False), {"metered": "avoid", "networks": ("home",)}, ""),
        (Network(frozenset({"train"})), {"networks": ("home", "office")}, "(train) is none"),
        (Network(), {"networks": ("home",)}, "(unknown) is none"),
    ],
)
def test_what_the_settings_refuse(here: Network, settings: dict[str, object], says: str) -> None:
    config = CloudConfig(**settings)  # type: ignore[arg-type]
    assert restricted(config) is bool(settings)
    assert says in refusal(here, config)
    assert bool(refusal(here, config)) is bool(says)


def tool(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_tools_are_asked_and_may_be_missing_or_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NAMES", (tool(tmp_path, "names", "echo home; echo lo"),))
    monkeypatch.setattr(network, "METERED", (tool(tmp_path, "metered", "echo u 1"),))
    assert asyncio.run(look()) == Network(frozenset({"home"}), metered=True)
    monkeypatch.setattr(network, "WITHIN_S", 0.2)
    monkeypatch.setattr(network, "NAMES", (str(tmp_path / "none"),))
    monkeypatch.setattr(network, "METERED", (tool(tmp_path, "hangs", "exec sleep 60"),))
    assert asyncio.run(look()) == Network()
