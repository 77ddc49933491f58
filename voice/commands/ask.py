"""``voice ask``."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voice.commands.common import console, given, print_json, reachable, run, settings

if TYPE_CHECKING:
    from rich.table import Table

    from voice.client.replay import TurnHeard
    from voice.core.interfaces import Samples


def ask(
    context: typer.Context,
    recording: Annotated[Path | None, typer.Argument(help="WAV or FLAC. Without it, a recording from the model store.")] = None,
    *,
    url: Annotated[str | None, typer.Option(help="A running server; otherwise the local one, or one just for this.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the spoken reply to this WAV file.")] = None,
    rate: Annotated[int, typer.Option(help="Sample rate to speak with the server: 8000, 16000, 24000 or 48000.")] = 16_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Also print when everything happened.")] = False,
) -> None:
    """Play a recording to the assistant as a microphone would, and print what it understood, answered, and how fast."""
    config = settings(context)
    path = recording or sample()
    wanted = given(context)
    run(_ask(config, path, url=url, wanted=wanted, out=out, rate_hz=rate, as_json=as_json, trace=trace))


async def _ask(
    config: Any,
    path: Path,
    *,
    url: str | None,
    wanted: Sequence[str],
    out: Path | None,
    rate_hz: int,
    as_json: bool,
    trace: bool,
) -> None:
    from voice.audio.files import write_wav

    people = console()
    people.quiet = as_json
    recording = load(path, rate_hz)
    with people.status("connecting …") as status:
        async with reachable(config, url, wanted=wanted, progress=lambda name: people.print(f"[green]✓[/] {name}")) as address:
            status.update(f"playing {path.name} ({recording.size / rate_hz:.1f} s) …")
            turns = await play(
                address,
                recording,
                rate_hz=rate_hz,
                token=config.server.token,
                user=config.cost.user,
                feature=config.cost.feature,
            )
    if out is not None:
        import numpy as np

        audio = np.concatenate([turn.audio for turn in turns] or [np.zeros(0, dtype=np.float32)])
        await asyncio.to_thread(write_wav, out, audio, rate_hz)
    if as_json:
        print_json({"recording": str(path), **as_dict(turns)})
        return
    if not turns:
        people.print("[yellow]nothing was heard as speech in this recording[/]")
    for turn in turns:
        print_turn(turn, trace=trace)
    if out is not None:
        people.print(f"reply written to {out}")


async def ask_once(url: str, path: Path, *, rate_hz: int, token: str = "") -> "tuple[list[TurnHeard], Samples]":
    """Play a file to a server; the turns it led to, and the recording.

    Raises:
        VoiceError: the file cannot be read, or the server does not answer.
    """
    recording = load(path, rate_hz)
    return await play(url, recording, rate_hz=rate_hz, token=token), recording


async def play(
    url: str, recording: "Samples", *, rate_hz: int, token: str, user: str = "", feature: str = ""
) -> "list[TurnHeard]":
    """Play a recording to a server."""
    from voice.client import VoiceClient
    from voice.client.replay import replay

    async with VoiceClient(url, rate_hz=rate_hz, token=token, trace=True, user=user, feature=feature) as client:
        return await replay(client, recording)


def load(path: Path, rate_hz: int) -> "Samples":
    """Read a recording at a rate of the protocol.

    Raises:
        AudioError: the file cannot be read.
        ProtocolError: the rate is not offered.
    """
    from voice.audio.files import read_audio
    from voice.protocol.codec import parse_rate

    parse_rate(str(rate_hz))
    return read_audio(path, rate_hz=rate_hz)


def sample() -> Path:
    """The recording that the model store keeps for trying things out.

    Raises:
        ModelMissing: it was not fetched.
    """
    from voice.models import locate

    return locate("samples")


def as_dict(turns: "Sequence[TurnHeard]") -> dict[str, Any]:
    """All turns as one JSON object: the text of all, the figures of the last one that was answered, and each by itself."""
    each = [_turn_dict(turn) for turn in turns]
    answered = [turn for turn in each if turn["ttfa_ms"] is not None]
    main = answered[-1] if answered else each[-1] if each else _turn_dict(None)
    joined = {
        "transcript": " ".join(turn["transcript"] for turn in each if turn["transcript"]),
        "reply": " ".join(turn["reply"] for turn in each if turn["reply"]),
    }
    return {**main, **joined, "turns": each}


def _turn_dict(turn: "TurnHeard | None") -> dict[str, Any]:
    record: Mapping[str, Any] = (turn.record if turn is not None else None) or {}
    return {
        "turn": turn.turn if turn is not None else None,
        "transcript": turn.transcript if turn is not None else "",
        "reply": turn.reply if turn is not None else "",
        "ttfa_ms": round(turn.ttfa_ms, 1) if turn is not None and turn.ttfa_ms is not None else None,
        "marks": record.get("marks", {}),
        "offsets_ms": record.get("offsets_ms", {}),
        "stages": record.get("stages_ms", {}),
        "deadline_ms": record.get("deadline"),
        "late_ms": record.get("late_ms"),
        "late_stages": record.get("late_stages", []),
        "server_ttfa_ms": record.get("ttfa_ms"),
        "first_sound_ms": record.get("first_sound_ms"),
        "own_words_ms": record.get("own_words_ms"),
        "filler_ms": record.get("filler_ms"),
        "end_reason": turn.end_reason if turn is not None else None,
        "reopened": turn.reopened if turn is not None else 0,
        "reply_audio_s": round(sum(p.samples.size for p in turn.pieces) / turn.rate_hz, 2) if turn is not None else 0.0,
    }


def print_turn(turn: "TurnHeard", *, trace: bool) -> None:
    """One turn for a person: what was said, and where the time went."""
    from rich.console import Console
    from rich.markup import escape

    out = Console(highlight=False)
    out.print(f"[bold cyan]you[/]    {escape(turn.transcript) or '[dim](nothing understood)[/]'}")
    out.print(f"[bold green]voice[/]  {escape(turn.reply) or f'[dim](no reply: {turn.end_reason})[/]'}")
    if turn.record is not None and turn.reply:
        out.print(_budget_table(turn))
    if trace and turn.record is not None:
        out.print(_marks_table(turn.record))


def _budget_table(turn: "TurnHeard") -> "Table":
    from rich.table import Table

    record = turn.record or {}
    forecast = record.get("forecast_ms", {})
    late = set(record.get("late_stages", ()))
    table = Table("from your last sound to its first")
    table.add_column("ms", justify="right")
    table.add_column("forecast", justify="right")
    for stage, ms in record.get("stages_ms", {}).items():
        if ms is not None:
            expected = f"{forecast[stage]:.0f}" if stage in forecast else ""
            table.add_row(stage.replace("_", " "), f"{ms:.0f}", expected, style="yellow" if stage in late else None)
    table.add_section()
    if record.get("filler_ms") is not None:
        table.add_row("first sound, a filler", f"{record['first_sound_ms']:.0f}", "")
    if (own_ms := record.get("own_words_ms", record.get("ttfa_ms"))) is not None:
        lateness = record.get("late_ms")
        verdict = "" if lateness is None else "in time" if lateness == 0 else f"{lateness:.0f} late"
        table.add_row("own words, at the server", f"{own_ms:.0f}", verdict, style="bold")
    if turn.ttfa_ms is not None:
        table.add_row("first sound, at the listener", f"{turn.ttfa_ms:.0f}", "", style="bold")
    return table


def _marks_table(record: Mapping[str, Any]) -> "Table":
    from rich.table import Table

    table = Table("after the end of your speech")
    table.add_column("ms", justify="right")
    for mark, ms in sorted(record.get("offsets_ms", {}).items(), key=lambda item: item[1]):
        table.add_row(mark.replace("_", " "), f"{ms:+.0f}")
    return table
