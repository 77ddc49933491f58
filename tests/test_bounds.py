"""Nothing without a bound, nothing without an owner, nothing that blocks the event loop: read from the source."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "voice"

QUEUES = {
    "asyncio.Queue": "maxsize",
    "asyncio.LifoQueue": "maxsize",
    "asyncio.PriorityQueue": "maxsize",
    "queue.Queue": "maxsize",
    "queue.LifoQueue": "maxsize",
    "queue.PriorityQueue": "maxsize",
    "queue.SimpleQueue": "",
    "deque": "maxlen",
}
"""What can be without a bound, and the argument that gives it one: the first of a queue, the second of a deque."""

BOUNDED_OTHERWISE: dict[str, str] = {
    "core/budget.py Quantiles.__init__": "the oldest observation leaves with each one beyond the window",
    "core/channel.py Channel.__init__": "its policy looks at the length before anything is added",
    "draft/draft_buffer.py DraftBuffer.__init__": "nothing is drafted further ahead than the plan says",
    "draft/loop.py DraftedReply.__init__": "as many blocks as the plan is deep; what is approved is taken in each step",
    "draft/text.py TextDrafter.__init__": "the tokens of one stretch of drafted text, taken before the next is asked for",
    "llm/stream.py TokenStream.__init__": "the engine pauses a job whose stream is full",
    "mic/player.py Player.__init__": "the oldest sound leaves beyond MAX_S",
    "mic/sound.py SoundCard.__init__": "the oldest block leaves beyond MAX_WAITING_BLOCKS",
    "session/listener.py Listener.__init__": "the oldest sound leaves beyond INBOX_S",
    "vad/dip.py DipDetector.__init__": "the oldest level leaves after three seconds",
}
"""Where (file, class and function) → why it cannot grow."""

OWNED: dict[str, str] = {
    "bench/conversation/barge_in.py talk_over": "waits for it behind closing the socket that it listens to",
    "bench/conversation/streaming.py stream": "cancels it and waits for it",
    "bench/failover/failover.py _conversation": "cancels it and waits for it",
    "bench/failover/failover.py _speak": "cancels it and waits for it",
    "bench/failover/verifier_faults.py DraftFaults._serve": "cancels both and waits for them",
    "bench/mic/path.py running": "cancels both and waits for them",
    "bench/mic/path.py by_client": "cancels it and waits for it",
    "bench/models/llm.py _cancel_ms": "is there to cancel it, and waits for its end",
    "bench/speculative/paced_verifier.py OfferedVerifier.stream": "cancels it and waits for it",
    "client/client.py VoiceClient.ask": "cancels it and waits for it",
    "client/replay.py replay": "cancels it and waits for it",
    "commands/mic.py _shown": "cancels all of them and waits for them",
    "draft/chat.py DraftedModel.part_with": "the model's LeavingTasks own it, which its cloud waits for",
    "draft/chat.py DraftedChat._connect": "_drop cancels it and gives it to the model's LeavingTasks",
    "draft/draft_buffer.py DraftBuffer.write": "the reply stops it; a restart cancels it, and it waits for nothing then",
    "draft/loop.py DraftedReply._send": "the reply stops it, or gives it to its LeavingTasks, which it waits for",
    "draft/loop.py DraftedReply._start_stream": "_stop_stream or _force retire it with its stream",
    "draft/loop.py DraftedReply._take_streamed": "_stop_stream or _force retire it with its stream",
    "draft/loop.py DraftedReply._force": "the reply's LeavingTasks own it, which the reply waits for",
    "draft/remote.py RemoteVerifier.__init__": "aclose cancels it and waits for it",
    "mic/connection.py ServerConnection._converse": "cancels all three and waits for them",
    "reply/answer.py Answer._opening": "ends with the call",
    "reply/bridging.py Bridging.over": "ends with the generator, which is closed with the answer",
    "reply/request.py TokenRequest.__init__": "end cancels it and waits for it",
    "server/websocket.py _Session.hold": "waits for all three, and cancels who is late",
    "verifier/server.py _Session.hold": "cancels both and waits for them",
}
"""Where → who waits for the task, or cancels it, however the work ends."""

BLOCKING = {"time.sleep", "open", "input", "subprocess.run", "subprocess.call", "subprocess.check_output", "os.system"}
BLOCKING_OF_PATHS = {"read_text", "read_bytes", "write_text", "write_bytes", "urlopen", "read_wav", "read_audio", "write_wav"}
BLOCKING_MODULES = ("requests.", "urllib.request.")

BRIEF: dict[str, str] = {}
"""Where → why a call that may block is right in a coroutine."""


def name_of(node: ast.expr) -> str:
    """``asyncio.Queue`` of ``asyncio.Queue[int](3)``; the last part of what is not a plain name."""
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    if isinstance(node, ast.Attribute):
        before = name_of(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Places(ast.NodeVisitor):
    """The calls of a file, each with where it stands and whether a coroutine makes it."""

    def __init__(self, path: Path) -> None:
        self._file = str(path.relative_to(ROOT))
        self._names: list[str] = []
        self._in_coroutine = [False]
        self.calls: list[tuple[str, ast.Call, bool]] = []
        self.visit(ast.parse(path.read_text(encoding="utf-8")))

    def _within(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, *, coroutine: bool) -> None:
        self._names.append(node.name)
        self._in_coroutine.append(coroutine)
        self.generic_visit(node)
        self._in_coroutine.pop()
        self._names.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node, coroutine=False)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within(node, coroutine=False)  # what it does may be for a thread

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._within(node, coroutine=True)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._in_coroutine.append(False)
        self.generic_visit(node)
        self._in_coroutine.pop()

    def visit_Call(self, node: ast.Call) -> None:
        where = " ".join([self._file, ".".join(self._names)]).strip()
        self.calls.append((where, node, self._in_coroutine[-1]))
        self.generic_visit(node)


def has_bound(call: ast.Call, argument: str) -> bool:
    """Whether a queue is made with a bound that is not plainly "none"."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == argument]
    given += call.args[1:2] if argument == "maxlen" else call.args[:1] if argument else []
    return any(not (isinstance(value, ast.Constant) and value.value in (None, 0)) for value in given)


def is_unbounded_queue(call: ast.Call, _: bool) -> bool:
    argument = QUEUES.get(name_of(call.func))
    return argument is not None and not has_bound(call, argument)


def is_unowned_task(call: ast.Call, _: bool) -> bool:
    """A task that no group owns. A group is whatever is called one."""
    before, _dot, name = name_of(call.func).rpartition(".")
    return name == "ensure_future" or (name == "create_task" and not before.endswith("group"))


def blocks(call: ast.Call, in_coroutine: bool) -> bool:
    name = name_of(call.func)
    if not in_coroutine:
        return False
    last = name.rpartition(".")[2]
    opens = last == "open" and any(isinstance(one, ast.Constant) for one in call.args)  # a path's, with a mode
    of_path = opens or last in BLOCKING_OF_PATHS
    return name in BLOCKING or of_path or name.startswith(BLOCKING_MODULES)


FILES = sorted(ROOT.rglob("*.py"))
RULES: dict[str, tuple[Callable[[ast.Call, bool], bool], dict[str, str], str]] = {
    "bounds": (is_unbounded_queue, BOUNDED_OTHERWISE, "has no bound: give it one, or say in BOUNDED_OTHERWISE what bounds it"),
    "owners": (is_unowned_task, OWNED, "has no owner: use a TaskGroup, or say in OWNED who waits for it"),
    "blocking": (blocks, BRIEF, "blocks the event loop: use asyncio.to_thread, or say in BRIEF why it may"),
}


@cache
def all_calls() -> list[tuple[str, ast.Call, bool]]:
    return [call for path in FILES for call in Places(path).calls]


def found(offends: Callable[[ast.Call, bool], bool]) -> Iterator[tuple[str, int]]:
    for where, call, in_coroutine in all_calls():
        if offends(call, in_coroutine):
            yield where, call.lineno


@pytest.mark.parametrize("rule", RULES)
def test_every_offence_is_accounted_for(rule: str) -> None:
    offends, allowed, what = RULES[rule]
    wrong = [f"{where} (line {line})" for where, line in found(offends) if where not in allowed]
    assert not wrong, f"what is made here {what}: {'; '.join(wrong)}"


@pytest.mark.parametrize("rule", RULES)
def test_every_account_is_needed_and_gives_a_reason(rule: str) -> None:
    offends, allowed, _ = RULES[rule]
    assert not allowed.keys() - {where for where, _ in found(offends)}
    assert all(len(reason.split()) > 2 for reason in allowed.values())


CASES = {
    "import asyncio\nqueue = asyncio.Queue()": "bounds",
    "import asyncio\nqueue: asyncio.Queue[int] = asyncio.Queue[int](0)": "bounds",
    "import queue\nwaiting = queue.Queue(maxsize=0)": "bounds",
    "import queue\nwaiting = queue.SimpleQueue()": "bounds",
    "from collections import deque\nitems = deque([1, 2])": "bounds",
    "import asyncio\nasyncio.create_task(work())": "owners",
    "import asyncio\nasyncio.get_running_loop().create_task(work())": "owners",
    "import asyncio\nasyncio.ensure_future(work())": "owners",
    "import time\nasync def wait():\n    time.sleep(1)": "blocking",
    "async def read(path):\n    return path.read_text()": "blocking",
    "async def read(path):\n    with open(path) as file:\n        return file": "blocking",
    "async def read(path):\n    with path.open('rb') as file:\n        return file": "blocking",
    "async def begin(model):\n    return model.open()": "",
    "import subprocess\nasync def ask():\n    subprocess.run(['ls'])": "blocking",
    "import asyncio\nqueue = asyncio.Queue(3)": "",
    "from collections import deque\nitems = deque([1, 2], 3)": "",
    "from collections import deque\nitems = deque(maxlen=3)": "",
    "async def work(group):\n    group.create_task(work())": "",
    "import time\ndef wait():\n    time.sleep(1)": "",
    "import asyncio\nasync def read(path):\n    return await asyncio.to_thread(lambda: path.read_text())": "",
}


@pytest.mark.parametrize("source", CASES)
def test_the_rules_see_what_they_are_about(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_bounds.ROOT", tmp_path)
    (tmp_path / "case.py").write_text(source, encoding="utf-8")
    calls = Places(tmp_path / "case.py").calls
    assert [rule for rule, (offends, _, _) in RULES.items() if any(offends(c, inside) for _, c, inside in calls)] == (
        [CASES[source]] if CASES[source] else []
    )
