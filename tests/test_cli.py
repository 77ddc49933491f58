import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.fakes.conversation import House
from voice.audio.files import read_audio, write_wav
from voice.cli import app
from voice.commands.settings import render
from voice.core import config as configuration
from voice.core.config import Config, ServerConfig
from voice.reply.handover import BRIDGES
from voice.server.websocket import VoiceServer

ROOT = Path(__file__).parents[1]
RUN = CliRunner()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with scripted conversations, on a loop of its own."""
    import asyncio

    started, addresses = threading.Event(), list[str]()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with VoiceServer(ServerConfig(port=0)) as server:
            server.open_with(House())
            addresses.append(server.url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(5)
    yield addresses[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(4800) / 16000)
    write_wav(tmp_path / "question.wav", np.concatenate([np.zeros(1600), tone, np.zeros(1600)]).astype(np.float32), 16000)
    return tmp_path / "question.wav"


# --- settings -----------------------------------------------------------------------------------------------------------


def test_the_default_file_is_what_the_code_says() -> None:
    text = (ROOT / "configs" / "default.toml").read_text(encoding="utf-8")
    assert text == render(Config()), "write it anew: voice config > configs/default.toml"


def test_printed_settings_read_back_as_they_were(tmp_path: Path) -> None:
    strange = msgspec.structs.replace(
        Config(), server=ServerConfig(token='a "b" \\ \n\x7f é 声', port=1), llm=configuration.LlmConfig(temperature=0.5)
    )
    assert configuration.from_mapping(tomllib.loads(render(strange)), origin="test") == strange
    file = tmp_path / "my.toml"
    file.write_text(RUN.invoke(app, ["--set", "server.port=9000", "config"]).stdout, encoding="utf-8")
    assert configuration.load(file).server.port == 9000


# --- errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "budget.first_audio_sm=1", "config"], "did you mean 'first_audio_ms'"),
        (["--set", "nonsense", "config"], "section.key=value"),
        (["--config", "no/such.toml", "config"], "cannot read the configuration"),
        (["ask", "no/such.wav"], "cannot read no/such.wav"),
        (["ask", "pyproject.toml"], "cannot be read as audio"),
        (["ask", "--rate", "44100", "pyproject.toml"], "8000, 16000, 24000, 48000"),
        (["serve", "--host", "0.0.0.0"], "set server.token"),
        (["chat", "--url", "http://127.0.0.1:1"], "not a WebSocket address"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], says: str) -> None:
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_server_that_is_not_there_is_exit_code_1(recording: Path) -> None:
    result = RUN.invoke(app, ["ask", str(recording), "--url", "ws://127.0.0.1:1"])
    assert result.exit_code == 1
    assert "no voice server answers at ws://127.0.0.1:1" in result.stderr


def test_a_missing_model_names_the_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICE_HOME", str(tmp_path))
    result = RUN.invoke(app, ["ask"])
    assert result.exit_code == 1
    assert "voice models fetch" in result.stderr


def test_wrong_usage_is_exit_code_2() -> None:
    assert RUN.invoke(app, ["dance"]).exit_code == 2
    assert RUN.invoke(app, ["serve", "--port", "70000"]).exit_code == 2


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("voice.commands.settings.render", interrupted)
    assert RUN.invoke(app, ["config"]).exit_code == 130


# --- ask and chat -------------------------------------------------------------------------------------------------------


def test_ask_as_json_is_one_object_and_writes_the_reply(url: str, recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    result = RUN.invoke(app, ["ask", str(recording), "--url", url, "--json", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert (answer["transcript"], answer["reply"]) == ("a sound", "You said a sound.")
    assert 250 <= answer["ttfa_ms"] < 5000
    assert answer["marks"] == {"speech_end": 1.0}
    assert (answer["stages"], answer["deadline_ms"], answer["late_ms"]) == ({"asr": 10.0}, 301.0, 0.0)
    assert len(answer["turns"]) == 1
    assert abs(read_audio(out).size - 0.35 * 16000) <= 1


def test_ask_for_people(url: str, recording: Path) -> None:
    result = RUN.invoke(app, ["ask", str(recording), "--url", url, "--trace"])
    assert result.exit_code == 0, result.output
    for part in ("a sound", "You said a sound.", "asr", "in time", "at the listener", "first audio sent"):
        assert part in result.stdout


def test_ask_with_silence_says_so(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice.client.replay._DEAF_S", 0.2)
    write_wav(tmp_path / "silence.wav", np.zeros(1600, dtype=np.float32), 16000)
    result = RUN.invoke(app, ["ask", str(tmp_path / "silence.wav"), "--url", url, "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["transcript"], answer["reply"], answer["ttfa_ms"], answer["turns"]) == ("", "", None, [])


def test_chat_through_a_pipe(url: str, tmp_path: Path) -> None:
    result = RUN.invoke(
        app, ["chat", "--url", url, "--json", "--speak", str(tmp_path / "replies")], input="one [bold]\n\n  two \r\n"
    )
    assert result.exit_code == 0, result.output
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["text"], first["reply"]) == ("one [bold]", "You said one [bold].")
    assert (second["turn"], second["reply"]) == (2, "You said two.")
    assert abs(read_audio(Path(second["audio"]), rate_hz=24000).size - 0.35 * 24000) <= 1


def test_chat_for_people(url: str) -> None:
    result = RUN.invoke(app, ["chat", "--url", url], input="hello")
    assert result.exit_code == 0, result.output
    assert result.stdout == "voice  You said hello.\n"


# --- the command itself -------------------------------------------------------------------------------------------------


def test_help_teaches_and_is_quick() -> None:
    before_s = children_s()
    result = subprocess.run(
        [sys.executable, "-c", "from voice.cli import main; main()", "--help"], capture_output=True, text=True, check=True
    )
    used_s = children_s() - before_s
    for word in ("ask", "chat", "serve", "config", "models", "--set"):
        assert word in result.stdout
    assert used_s < 2  # of the processor's time; 0.25 s on an idle machine


def children_s() -> float:
    """The processor's time that ended child processes have used."""
    used = os.times()
    return used.children_user + used.children_system


def test_nothing_heavy_is_imported_for_help() -> None:
    heavy = "numpy,onnxruntime,faster_whisper,ctranslate2,llama_cpp,piper,websockets,soundfile"
    code = f"import sys, voice.cli; print([name for name in {heavy.split(',')!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_version() -> None:
    assert RUN.invoke(app, ["--version"]).stdout == "voice 0.1.0\n"


# --- with the real models -----------------------------------------------------------------------------------------------


@pytest.mark.real
def test_ask_answers_a_real_voice_aloud(tmp_path: Path) -> None:
    from voice.commands.ask import sample

    words = read_audio(sample())[: 3 * 16000]  # "Ever tried, ever failed."
    write_wav(tmp_path / "words.wav", words, 16000)
    out = tmp_path / "reply.wav"
    result = RUN.invoke(app, ["--set", "server.port=0", "ask", str(tmp_path / "words.wav"), "--json", "--out", str(out)])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert "failed" in answer["transcript"].lower()
    assert answer["reply"]
    assert answer["ttfa_ms"] > 0
    assert {"speech_end", "asr_final", "first_audio_sent"} <= answer["marks"].keys()
    assert "llm_first_token" in answer["marks"] or answer["reply"].startswith(BRIDGES)  # it had much else to do
    assert read_audio(out).max() > 0.05


@pytest.mark.real
def test_serve_says_where_it_listens_and_goodbye() -> None:
    command = [
        sys.executable,
        "-c",
        "from voice.cli import main; main()",
        "--set",
        "trace.enabled=false",
        "--set",
        "llm.large=",
        "serve",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        for line in process.stderr:
            seen += line
            if "Ctrl-C" in line:
                process.send_signal(signal.SIGTERM)
                break
        seen += process.stderr.read()
        assert process.wait(15) == 0
    assert "voice listens at ws://127.0.0.1:" in seen
    assert "goodbye" in seen
    assert "Traceback" not in seen
