"""``voice verifier``."""

import asyncio
import json
import signal
from typing import Annotated

import typer

from voice.commands.common import console, run, settings
from voice.core.config import Config


def verifier(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            help="A name of voice models list, or a GGUF file. llm-qwen2.5-coder-1.5b verifies what "
            "llm-qwen2.5-coder-0.5b (as llm.model) drafts."
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; beyond this machine it needs verifier.token.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any free port.")] = None,
) -> None:
    """Judge drafts: a small engine that stands for the cloud, for any GGUF."""
    given = (("model", model), ("host", host), ("port", port))
    changes = [f"verifier.{name}={json.dumps(value)}" for name, value in given if value is not None]
    run(_verifier(settings(context, *changes)))


async def _verifier(config: Config) -> None:
    from voice.verifier.server import VerifierServer, check_listening
    from voice.verifier.target import Target

    check_listening(config.verifier)
    out = console()
    stop = asyncio.Event()
    with out.status("loading the model …"):
        target = await asyncio.to_thread(Target, config.verifier)
    try:
        token_ms = await target.measure_token_ms()
        async with VerifierServer(config.verifier, target, token_ms=token_ms) as server:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            secret = " (with a token)" if config.verifier.token else ""
            out.print(
                f"[bold]{target.identity.model} judges drafts at {server.url}[/]{secret} "
                f"for up to {config.verifier.clients} clients, {token_ms:.0f} ms a token\n"
                f"  use    voice --set draft.engine=voice --set draft.url={server.url} --set route.mode=hybrid serve\n"
                f"  look   curl {server.url.replace('ws:', 'http:')}/health\n"
                "Ctrl-C stops it."
            )
            await stop.wait()
    finally:
        target.close()
