"""The command line: global options, the commands, and how an error ends them.

Exit codes: 0 done, 2 the input or the settings are wrong, 130 stopped with Ctrl-C, 1 anything else.
"""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voice import __version__
from voice.commands import ask, chat, cloud, cost, doctor, mic, route, serve, settings, verifier
from voice.commands.common import Options, console
from voice.commands.models import app as models_app
from voice.commands.trace import app as trace_app
from voice.core.errors import AudioError, ConfigError, ProtocolError, VoiceError

_WRONG_INPUT = (AudioError, ConfigError, ProtocolError)


class _Root(TyperGroup):
    """Turns our errors into one line and an exit code; anything else is a bug and keeps its traceback.

    ``voice bench`` is loaded when it is asked for: nothing else needs it.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), "bench"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != "bench":
            return super().get_command(ctx, cmd_name)
        from voice.bench.cli import app as bench

        group = typer.main.get_group(bench)
        group.name = "bench"
        return group

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VoiceError as error:
            _report(error)
            raise typer.Exit(2 if isinstance(error, _WRONG_INPUT) else 1) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _report(error: VoiceError) -> None:
    from rich.text import Text  # only when something is wrong

    console().print(Text.assemble(("error ", "bold red"), (f"[{error.stage}] ", "dim"), (str(error), "red")), soft_wrap=True)


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="A real-time voice assistant: 300 ms from your last sound to its first.",
    epilog=(
        "[bold]Try[/]  voice ask → a recorded question, answered  ·  voice ask question.wav --out reply.wav  ·  voice chat  ·  "
        "voice serve  ·  voice --set budget.first_audio_ms=400 serve  ·  voice config > my.toml"
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voice {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML; voice config prints all.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting: --set llm.max_reply_tokens=60")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what goes on inside.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """A real-time voice assistant."""
    del version
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("voice").setLevel(
        logging.DEBUG if verbose else logging.INFO if context.invoked_subcommand == "serve" else logging.WARNING
    )
    context.obj = Options(config, tuple(override or ()), verbose)


app.command(epilog="voice serve --port 9000    voice --set server.token=secret serve --host 0.0.0.0")(serve.serve)
app.command(epilog="voice ask    voice ask question.flac --out reply.wav    voice ask question.wav --json | jq .ttfa_ms")(
    ask.ask
)
app.command(epilog="voice chat    echo 'What is the capital of France?' | voice chat --json    voice chat --speak replies")(
    chat.chat
)
app.command(
    epilog="voice route 'call me on 020 7946 0958'    voice route --jsonl said.jsonl    voice route 'what time is it' --json"
)(route.route)
app.command(epilog="voice verifier    voice verifier --model large.gguf --port 9001")(verifier.verifier)
app.command(epilog="voice cloud    voice cloud --model larger.gguf --port 9001")(cloud.cloud)
app.command(epilog="voice doctor    voice --config my.toml doctor --json")(doctor.doctor)
app.command(epilog="voice cost --by tier    voice cost --since 2026-11-01 --json")(cost.cost)
app.command(epilog="voice mic    voice mic --list    voice mic --url ws://kitchen:8765 --mode wake --in jabra --out jabra")(
    mic.mic
)
app.command(epilog="voice config > my.toml    voice --config my.toml serve")(settings.config)
app.add_typer(models_app, name="models")
app.add_typer(trace_app, name="trace")


def main() -> None:
    """The ``voice`` command."""
    app()
