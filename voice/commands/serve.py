"""``voice serve``."""

import asyncio
import json
import signal
from typing import Annotated

import typer

from voice.commands.common import console, hosted, run, settings
from voice.core.config import Config


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; beyond this machine it needs server.token.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any free port.")] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Ask a recorded question first, and stop if no answer comes.")] = False,
) -> None:
    """Listen for spoken conversations over WebSocket."""
    changes = [f"server.{name}={json.dumps(value)}" for name, value in (("host", host), ("port", port)) if value is not None]
    run(_serve(settings(context, *changes), check=check))


async def _serve(config: Config, *, check: bool) -> None:
    out = console()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with out.status("loading the models …") as status:

        def progress(name: str) -> None:
            out.print(f"[green]✓[/] {name}")

        async with hosted(config, progress=progress, fetching=lambda text: out.print(f"[dim]{text}[/]")) as server:
            if check:
                status.update("asking a recorded question …")
                await _check(config, server.url)
            status.stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            token = " --set server.token=…" if config.server.token else ""
            out.print(
                f"\n[bold]voice listens at {server.url}[/]"
                f"{' (with a token)' if token else ''} for up to {config.server.max_sessions} conversations\n"
                f"  open   {server.page_url} in a browser, and talk\n"
                f"  talk   voice{token} ask recording.wav --url {server.url}\n"
                f"  type   voice{token} chat --url {server.url}\n"
                f"  look   curl {server.url.replace('ws:', 'http:')}/health\n"
                "Ctrl-C stops it."
            )
            await stop.wait()
            out.print("saying goodbye …")


async def _check(config: Config, url: str) -> None:
    from voice.commands.ask import ask_once, sample
    from voice.core.errors import ServerUnreachable

    path = sample()
    turns, _ = await ask_once(url, path, rate_hz=16_000, token=config.server.token)
    spoken = [turn for turn in turns if turn.ttfa_ms is not None]
    if not spoken:
        raise ServerUnreachable(f"the check failed: {path} got no spoken answer; voice ask {path} --trace shows where it ends")
    console().print(f"[green]✓[/] heard {spoken[-1].transcript!r}, answered after {spoken[-1].ttfa_ms:.0f} ms")
