"""The shape of the code: who may import whom, no circles, no file that outgrew itself, no name that stands twice."""

import ast
import functools
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "voice"
MOST_LINES = 400
MOST_ARROWS = 130
ALLOWED = {
    "core": "",
    "audio": "core",
    "models": "core",
    "traces": "core",
    "cost": "core",
    "skills": "core",
    "cloud": "core",
    "privacy": "",
    "vad": "core models",
    "asr": "audio core models",
    "turn": "audio core models",
    "tts": "core models",
    "llm": "core models",
    "route": "core privacy",
    "reply": "core cost route skills tts turn",
    "draft": "cloud core llm models",
    "engines": "asr cloud core draft llm models route skills tts turn vad",
    "session": "asr audio core cost engines reply route skills turn vad",
    "protocol": "audio core session",
    "server": "core protocol session",
    "client": "audio core protocol",
    "mic": "audio client core protocol",
    "verifier": "core draft llm server",
    "commands": "audio client cloud core cost draft engines mic models protocol route server session traces verifier",
    "bench": (
        "asr audio client cloud commands core draft engines llm mic models privacy protocol "
        "route server session tts turn verifier"
    ),
    "cli": "bench commands core",
    "__main__": "cli",
    "__init__": "",
}
"""Room → the rooms that it may import: a folder of ``voice/``, or a file beside them. Stages never import each other."""


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


@functools.cache
def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name for name in names if name.startswith("voice.")}
    return found


def imported_rooms(path: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imports(path)}
    return {room for room in rooms if (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file()} - {room_of(path)}


FILES = sorted(ROOT.rglob("*.py"))


def test_a_room_imports_what_it_may() -> None:
    assert FILES
    assert {room_of(path) for path in FILES} == ALLOWED.keys(), "each folder has its place in the table"
    wrong = {
        str(path.relative_to(ROOT)): not_allowed
        for path in FILES
        if (not_allowed := imported_rooms(path) - set(ALLOWED[room_of(path)].split()))
    }
    assert not wrong


@functools.cache
def arrows() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        found[room_of(path)] |= imported_rooms(path)
    return found


def test_every_permission_is_used() -> None:
    unused = {room: set(allowed.split()) - arrows()[room] for room, allowed in ALLOWED.items()}
    assert not {room: rooms for room, rooms in unused.items() if rooms}


def test_no_circles_and_few_arrows() -> None:
    left = {room: set(targets) for room, targets in arrows().items()}
    assert sum(map(len, left.values())) <= MOST_ARROWS
    while left:
        ground = {room for room, targets in left.items() if not targets & left.keys()}
        assert ground, f"these import each other in a circle: {', '.join(sorted(left))}"
        left = {room: targets for room, targets in left.items() if room not in ground}


def test_no_circles_of_files() -> None:
    modules = {".".join(("voice", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}
    left = {
        module: {name if name in modules else name.rpartition(".")[0] for name in imports(path)} & modules.keys() - {module}
        for module, path in modules.items()
        if path.name != "__init__.py"
    }
    while left:
        ground = {module for module, targets in left.items() if not targets & left.keys()}
        assert ground, f"these import each other in a circle: {', '.join(sorted(left))}"
        left = {module: targets for module, targets in left.items() if module not in ground}


def test_no_file_has_outgrown_itself() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}, "give a part of it a file of its own"


def test_public_class_names_stand_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert not {name: where for name, where in places.items() if len(where) > 1}
