"""``voice cloud``."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from voice.commands.common import console, run, settings


def cloud(
    context: typer.Context,
    *,
    model: Annotated[
        str,
        typer.Option(
            help="A name of voice models list, or any GGUF file. The default is fetched once, 1.1 GB, by: "
            "voice models fetch llm-qwen2.5-coder-1.5b",
            metavar="NAME|FILE",
        ),
    ] = "llm-qwen2.5-coder-1.5b",
    host: Annotated[str, typer.Option(help="Beyond loopback the key in cloud.api_key_env is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8766,
    threads: Annotated[int, typer.Option(help="0: half of the cores.", min=0, max=256)] = 0,
    context_tokens: Annotated[int, typer.Option("--context", min=256, max=131_072)] = 4096,
) -> None:
    """Run a stand-in for the cloud on this machine: a real OpenAI-compatible server with a model of your choice.

    With it the cloud tier can be tried without an account: point the assistant at it with the settings that are printed.
    """
    from voice.cloud.dev_server import StandIn, last_line, running
    from voice.core.errors import CloudError
    from voice.models import locate

    config = settings(context)
    path = Path(locate(model))
    name = model if not Path(model).suffix else path.stem
    key = os.environ.get(config.cloud.api_key_env, "")
    standin = StandIn(
        path,
        name,
        host=host,
        port=port,
        key=key,
        key_variable=config.cloud.api_key_env,
        threads=threads,
        context_tokens=context_tokens,
    )

    async def serve() -> None:
        people = console()
        if (task := asyncio.current_task()) is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with (
            tempfile.TemporaryDirectory(prefix="voice-cloud-") as folder,
            people.status(f"loading {path.name} …") as status,
        ):
            log = Path(folder) / "server.log"
            async with running(standin, log=log) as process:
                status.stop()
                people.print(f"[green]✓[/] {name} answers at {standin.base_url}; Ctrl-C ends it. To use it:\n")
                typer.echo(standin.settings())
                code = await process.wait()
                raise CloudError(f"the cloud stand-in ended by itself ({code}): {last_line(log)}")

    try:
        run(serve())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
