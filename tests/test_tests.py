"""Tests that can fail: each asserts something, and not only about the members of what may be empty."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef
_FAILS = {"pytest.raises", "pytest.fail", "asyncio.timeout", "asyncio.wait_for"}


def called(node: ast.AST) -> str:
    """The dotted name that a call names; empty for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def never_empty(node: ast.expr) -> bool:
    """Whether what a loop goes over certainly has members: a literal, a constant of the module, or a range of numbers."""
    match node:
        case ast.Tuple(elts=members) | ast.List(elts=members) | ast.Set(elts=members):
            return bool(members)
        case ast.Dict(keys=members):
            return bool(members)
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id=name):
            return name.isupper()
        case ast.Call(func=ast.Name(id="range"), args=[ast.Name(id=first), ast.BinOp(left=ast.Name(id=again), right=more)]):
            return first == again and never_empty(more)
        case ast.Call(func=ast.Name(id="range"), args=limits):
            return all(isinstance(limit, ast.Constant) for limit in limits)
        case ast.Call(func=ast.Name(id="enumerate" | "zip" | "zip_longest"), args=[first, *_]):
            return never_empty(first)
        case ast.Call(func=ast.Attribute(value=value, attr="items" | "values" | "split")):
            return never_empty(value)
        case ast.Subscript(value=value):
            return never_empty(value)
    return False


def may_fail(node: ast.AST, helpers: frozenset[str]) -> bool:
    """Whether an assertion stands in ``node`` or in a helper that it calls, where it is certainly reached."""
    match node:
        case ast.Assert(test=ast.Constant()):
            return False
        case ast.Assert() | ast.Raise():
            return True
        case ast.For(iter=over) if not never_empty(over):
            return False
        case ast.Call() if (name := called(node)) in _FAILS or "assert_" in name or name.rpartition(".")[2] in helpers:
            return True
    return any(may_fail(child, helpers) for child in ast.iter_child_nodes(node))


@functools.cache
def helpers_of_all() -> frozenset[str]:
    """The names of functions under ``tests/`` that assert, themselves or through each other."""
    functions = [
        node
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, Function) and not node.name.startswith("test")
    ]
    found: frozenset[str] = frozenset()
    while more := {one.name for one in functions if one.name not in found and may_fail(one, found)}:
        found |= more
    return found


def powerless(text: str, helpers: frozenset[str]) -> list[str]:
    """The test functions in a file's text that cannot fail. What Hypothesis draws is not always empty."""
    tests = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function) and node.name.startswith("test_") and not any(map(drawn, node.decorator_list))
    ]
    return [test.name for test in tests if not any(may_fail(part, helpers) for part in test.body)]


def drawn(decorator: ast.expr) -> bool:
    return called(decorator) == "given"


def test_every_test_can_fail() -> None:
    assert len(FILES) > 100
    found = {str(path.relative_to(ROOT)): powerless(path.read_text(encoding="utf-8"), helpers_of_all()) for path in FILES}
    assert not {name: tests for name, tests in found.items() if tests}


@pytest.mark.parametrize(
    ("body", "can"),
    [
        ("work()", False),
        ("assert True", False),
        ("for one in found:\n  assert one", False),
        ("for one in ():\n  assert one", False),
        ("for one in (1, 2):\n  assert one", True),
        ("for one in range(first, first + BATCH):\n  assert one", True),
        ("for one in range(first, first + more):\n  assert one", False),
        ("for number, one in enumerate(TEXTS):\n  assert one", True),
        ("assert found\n for one in found:\n  assert one", True),
        ("with pytest.raises(ValueError):\n  work()", True),
        ("check(work())", True),
        ("async def inner():\n  assert work()\n run(inner())", True),
    ],
)
def test_what_counts_as_able_to_fail(body: str, can: bool) -> None:
    assert powerless(f"def test_it():\n {body}\n", frozenset({"check"})) == ([] if can else ["test_it"])


def test_the_folders_mirror_the_code() -> None:
    own = {Path(name) for name in ("fakes", "scenarios", "scripts", "web/vendor")}
    folders = {path.parent.relative_to(ROOT) for path in FILES}
    assert len(folders) > 20
    assert [str(folder) for folder in sorted(folders - own) if not (ROOT.parent / "voice" / folder).is_dir()] == []
