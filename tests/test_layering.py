"""The import rule: stages never import each other, and nothing imports what stands above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "voice"
FOUNDATION = {
    "core", "audio", "privacy", "models",
    "__init__",
}  # fmt: skip
STAGES = {"vad", "asr", "turn", "route", "llm", "cloud", "cost", "tts", "skills"}
LAYERS = (
    FOUNDATION,
    STAGES,
    {"engines", "reply", "draft"},
    {"session"},
    {"protocol", "server", "client", "mic", "verifier"},
    {"traces"},
    {"commands"},
    {"bench"},
    {"cli", "__main__"},
)
"""From the ground up. A module may import from the layers below its own, and from its own room."""


def rooms() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append((parts[0], path))
    return found


def level(room: str) -> int:
    for number, layer in enumerate(LAYERS):
        if room in layer:
            return number
    raise AssertionError(f"voice/{room} has no place in the layers: give it one in {__file__}")


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "voice":
                names |= {
                    f"voice.{alias.name}"
                    for alias in node.names
                    if (ROOT / alias.name).exists() or (ROOT / f"{alias.name}.py").exists()
                }
            else:
                names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: a relative import"
    return {name.split(".")[1] for name in names if name.startswith("voice.")}


@pytest.mark.parametrize(("room", "path"), rooms(), ids=str)
def test_imports_point_downwards(room: str, path: Path) -> None:
    for other in imported_rooms(path) - {room}:
        if level(other) == level(room) and room in STAGES:
            raise AssertionError(f"{path}: the stage {room} imports the stage {other}")
        assert level(other) <= level(room), f"{path}: {room} imports {other}, which stands above it"
