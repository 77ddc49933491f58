"""``voice chat``."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voice.commands.common import console, given, input_lines, is_terminal, print_json, reachable, run, settings
from voice.core.config import Config

if TYPE_CHECKING:
    from voice.client import VoiceClient
    from voice.client.replay import TurnHeard

_RATE_HZ = 24_000


def chat(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="A running server; otherwise the local one, or one just for this.")] = None,
    speak: Annotated[Path | None, typer.Option(help="Write each reply as a WAV file into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a reply and nothing else; for pipes.")] = False,
) -> None:
    """Type to the assistant: one line, one turn. Ctrl-D ends it. Works in pipes too."""
    run(_chat(settings(context), url=url, wanted=given(context), speak=speak, as_json=as_json))


async def _chat(config: Config, *, url: str | None, wanted: Sequence[str], speak: Path | None, as_json: bool) -> None:
    from voice.client import VoiceClient

    people = console()
    people.quiet = as_json
    if speak is not None:
        _make_folder(speak)
    with people.status("connecting …") as status:
        async with reachable(config, url, wanted=wanted, progress=lambda name: people.print(f"[green]✓[/] {name}")) as address:
            status.stop()
            async with VoiceClient(
                address,
                rate_hz=_RATE_HZ,
                token=config.server.token,
                trace=True,
                user=config.cost.user,
                feature=config.cost.feature,
            ) as client:
                await _converse(client, speak=speak, as_json=as_json)


async def _converse(client: "VoiceClient", *, speak: Path | None, as_json: bool) -> None:
    prompt = is_terminal() and not as_json
    async with input_lines() as lines:
        while True:
            if prompt:
                typer.secho("you    ", nl=False, fg="cyan", bold=True)
            line = await anext(lines, None)
            if line is None:
                return
            if line.strip():
                await _one_turn(client, line.strip(), speak=speak, as_json=as_json)


async def _one_turn(client: "VoiceClient", line: str, *, speak: Path | None, as_json: bool) -> None:
    """Send one typed turn and print its reply clause by clause as it is spoken."""
    from voice.audio.files import write_wav
    from voice.core.errors import ProtocolError
    from voice.protocol.messages import MAX_TEXT_CHARS

    if len(line) > MAX_TEXT_CHARS:
        raise ProtocolError(f"a typed turn has at most {MAX_TEXT_CHARS} characters, this one has {len(line)}; split it")
    if not as_json:
        typer.secho("voice ", nl=False, fg="green", bold=True)
    turn = await _follow(client, line, show=not as_json)
    wav = None
    if speak is not None and turn.audio.size:
        wav = speak / f"reply-{turn.turn:03}.wav"
        await asyncio.to_thread(write_wav, wav, turn.audio, client.rate_hz)
    if as_json:
        record = turn.record or {}
        print_json(
            {
                "turn": turn.turn,
                "text": line,
                "reply": turn.reply,
                "end_reason": turn.end_reason,
                "stages": record.get("stages_ms", {}),
                "audio": str(wav) if wav else None,
            }
        )
    else:
        typer.echo(f"\n       ({wav})" if wav else "")


async def _follow(client: "VoiceClient", line: str, *, show: bool) -> "TurnHeard":
    """The turn that answers the line; its record comes last."""
    from voice.client.replay import ReplayListener
    from voice.protocol import messages as m

    listener, turn = ReplayListener(client.rate_hz), 0
    async for message in client.ask(line):
        listener.take(message)
        if show and isinstance(message, m.TranscriptMessage) and message.role == "agent":
            typer.echo(f" {message.text.strip()}", nl=False)
        if isinstance(message, m.Trace):
            turn = message.turn
    return listener.turns[turn]


def _make_folder(folder: Path) -> None:
    from voice.core.errors import AudioError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"cannot make the folder {folder} ({error.strerror}); give --speak another") from error
