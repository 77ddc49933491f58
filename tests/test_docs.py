"""What the documents say of the code is true."""

from pathlib import Path

from voice.turn.table import mermaid

ROOT = Path(__file__).parent.parent


def test_the_turn_diagram_is_the_table() -> None:
    assert f"```mermaid\n{mermaid()}```" in (ROOT / "docs" / "development" / "architecture.md").read_text(encoding="utf-8")
