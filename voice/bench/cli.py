"""``voice bench``: measurements that anyone can repeat. Each prints a table and, with ``--json``, writes a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from voice.bench.progress import progress_bar, stages
from voice.commands.common import console, hosted, options, run, settings

if TYPE_CHECKING:
    pass

app = typer.Typer(
    no_args_is_help=True,
    help="Measure answers, latency, cut-offs, recognition, end of turn, barge-in, the microphone, synthesis, models, drafting.",
)

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result, with the machine, to this file.")]
Manifest = Annotated[
    Path | None,
    typer.Option(metavar="FILE.jsonl", help='Recordings of your own: lines with "audio" and, if known, "text".'),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many recordings of each set.")]
Seed = Annotated[int, typer.Option(help="Of everything that is made at random.")]


@app.command(epilog="voice bench latency --limit 10 --json latency.json")
def latency(
    context: typer.Context,
    *,
    json: Json = None,
    manifest: Manifest = None,
    limit: Limit = 20,
    seed: Seed = 1,
    url: Annotated[str | None, typer.Option(help="Measure a server that runs on this machine already.")] = None,
) -> None:
    """Voice-to-voice latency at a WebSocket client, and how often a speaker is cut off. Takes as long as the recordings do."""
    run(_latency(context, json, (manifest, limit, seed), url))


async def _latency(
    context: typer.Context, json: Path | None, chosen: tuple[Path | None, int | None, int], url: str | None
) -> None:
    from voice.bench.conversation import latency as bench
    from voice.bench.report import write_json
    from voice.bench.server import own_server, server_at

    settings(context)
    people = console()
    with people.status("preparing the recordings …"):
        manifest, limit, seed = chosen
        sets = bench.recording_sets(manifest, limit=limit, seed=seed)
    with server_at(url) if url else own_server(options(context).arguments()) as server, progress_bar() as bar:
        task = bar.add_task("streaming in real time", total=sum(map(len, sets.values())))
        found = await bench.measure(server, sets, lambda done: bar.update(task, completed=done))
    bench.show(found, people)
    if json is not None:
        write_json(json, found)
        bench.plot(found, json.with_suffix(".png"))


@app.command(epilog="voice bench answers --json answers.json    voice bench answers --arms edge,cloud --limit 20 --repeat 3")
def answers(
    context: typer.Context,
    *,
    json: Json = None,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help='Conversations of your own: lines with "kind", "turns", "accept", "reject".'),
    ] = None,
    arms: Annotated[
        str, typer.Option(help="Who answers: edge, two (speeds), cloud, hybrid, hybrid-two, speculative, large.")
    ] = "edge,two,cloud,hybrid,speculative,large",
    first: Annotated[
        str, typer.Option("--cloud-first-token-ms", help="The cloud's pace; cloud and hybrid are measured with each.")
    ] = "150,600,1500",
    spoken: Annotated[bool, typer.Option("--spoken", help="Say each turn aloud instead of typing it.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many conversations, evenly spread.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Have each conversation so often in each arm.")] = 1,
    large: Annotated[
        str, typer.Option("--large-model", metavar="NAME|FILE", help="The cloud's, and voice verifier's.")
    ] = "llm-qwen2.5-coder-1.5b",
) -> None:
    """Whole conversations with replies that can be checked: who is right, how soon, with what silences, and for how much.

    A turn takes about 5 s, 86 of them 7 minutes an arm; cloud and hybrid take that for each pace, and once more before: the
    cloud's answers are recorded then, and played back at the pace, since its model shares this machine.
    """
    from voice.bench.answers import answers as bench
    from voice.bench.answers.figures import finish

    config = settings(context)
    plan = bench.plan(manifest, limit, arms, first, repeat=repeat, spoken=spoken, large=large)
    with progress_bar() as bar:
        found = run(bench.run(options(context), config, plan, stages(bar)))
    finish(found, json, console())


@app.command(epilog="voice bench failover --turns 40 --json failover.json")
def failover(
    context: typer.Context,
    *,
    json: Json = None,
    turns: Annotated[int, typer.Option(min=2, help="With faults, spoken and typed by turns; a turn takes about 6 s.")] = 40,
    private: Annotated[int, typer.Option(min=0, help="Private utterances to try.")] = 40,
    seed: Seed = 1,
    draft: Annotated[bool, typer.Option("--draft", help="The cloud is voice verifier, and the edge drafts for it.")] = False,
) -> None:
    """Edge and cloud together while the cloud fails in every way it can: latency, silence, answers, leaks."""
    run(_failover(context, json, turns, private, seed, draft=draft))


async def _failover(context: typer.Context, json: Path | None, turns: int, private: int, seed: int, *, draft: bool) -> None:
    from voice.bench.failover import drafted
    from voice.bench.failover import failover as bench
    from voice.bench.report import write_json

    config, people = settings(context), console()
    with progress_bar() as bar:
        tasks = {
            "healthy": bar.add_task("a healthy cloud", total=bench.healthy(turns)),
            "faults": bar.add_task("a cloud that fails", total=turns),
            "recovery": bar.add_task("a cloud that comes back", total=6),
            "private": bar.add_task("private utterances", total=private),
        }
        found = await (drafted if draft else bench).run(
            hosted, config, turns=turns, private=private, seed=seed, progress=lambda what: bar.advance(tasks[what])
        )
    bench.show(found, people)
    if json is not None:
        write_json(json, found)


@app.command(epilog="voice bench asr --json asr.json")
def asr(context: typer.Context, *, json: Json = None, manifest: Manifest = None, limit: Limit = None) -> None:
    """Word error rate and time of recognition, beside the library's own 30 s padding in the same run."""
    from voice.bench.models.asr import bench_asr

    bench_asr(manifest, json, config=settings(context).asr, limit=limit)


@app.command(epilog="voice bench endpoint --limit 20 --json endpoint.json")
def endpoint(
    context: typer.Context, *, json: Json = None, manifest: Manifest = None, limit: Limit = 20, seed: Seed = 1
) -> None:
    """The end-of-turn model on every true end and every pause: the curve of latency against cut-offs, and its calibration."""
    run(_endpoint(context, json, (manifest, limit, seed)))


async def _endpoint(context: typer.Context, json: Path | None, chosen: tuple[Path | None, int | None, int]) -> None:
    import asyncio

    from voice.bench.conversation import endpointing as bench
    from voice.bench.report import write_json
    from voice.engines import Engines

    config, people = settings(context), console()
    manifest, limit, seed = chosen
    with people.status("loading the models …"):
        engines = await asyncio.to_thread(Engines.load, config)
    try:
        with progress_bar() as bar:
            tasks = {}

            def progress(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = bar.add_task(stage, total=total)
                bar.update(tasks[stage], completed=done)

            found = await bench.run(engines, config, manifest=manifest, limit=limit, seed=seed, progress=progress)
    finally:
        engines.close()
    bench.show(found, people)
    if json is not None:
        write_json(json, found)
        bench.plot(found, json.with_suffix(".png"))


@app.command(epilog="voice bench bargein --limit 10 --json bargein.json")
def bargein(
    context: typer.Context,
    *,
    json: Json = None,
    limit: Limit = 10,
    seed: Seed = 1,
    url: Annotated[str | None, typer.Option(help="Measure a server that runs on this machine already.")] = None,
) -> None:
    """How soon real speech stops a reply, and how often echo and noise stop it wrongly."""
    run(_bargein(context, json, (limit, seed), url))


async def _bargein(context: typer.Context, json: Path | None, chosen: tuple[int | None, int], url: str | None) -> None:
    from voice.bench.conversation import barge_in as bench
    from voice.bench.report import write_json
    from voice.bench.server import own_server, server_at

    settings(context)
    limit, seed = chosen
    with server_at(url) if url else own_server(options(context).arguments()) as server, progress_bar() as bar:
        task = bar.add_task("talking over replies")
        found = await bench.measure(
            server, limit=limit, seed=seed, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    bench.show(found, console())
    if json is not None:
        write_json(json, found)


@app.command(epilog="voice bench mic --minutes 10 --json mic.json")
def mic(
    context: typer.Context,
    *,
    json: Json = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Of the assistant's own speech, fed back at -10 dB.")] = 2.0,
    limit: Annotated[int, typer.Option(min=1, help="Recordings for each part.")] = 8,
    url: Annotated[str | None, typer.Option(help="Measure with a server that runs on this machine already.")] = None,
) -> None:
    """The microphone daemon over a private PulseAudio server: starts of speech, added latency, its own echo, unplugging."""
    run(_mic(context, json, minutes, limit, url))


async def _mic(context: typer.Context, json: Path | None, minutes: float, limit: int, url: str | None) -> None:
    from voice.bench.mic import mic as bench
    from voice.bench.mic.pulse import require
    from voice.bench.report import write_json
    from voice.bench.server import own_server, server_at

    settings(context)
    require()
    with server_at(url) if url else own_server(options(context).arguments()) as server, progress_bar() as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: float, total: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=round(done, 1), total=total)

        found = await bench.measure(server, minutes=minutes, limit=limit, progress=progress)
    bench.show(found, console())
    if json is not None:
        write_json(json, found)


@app.command(epilog="voice bench tts --json tts.json")
def tts(context: typer.Context, *, json: Json = None, repeats: Annotated[int, typer.Option(min=1)] = 3) -> None:
    """Time to the first audio of a clause, streamed against whole, and whether playback would ever starve."""
    from voice.bench.models.tts import bench_tts

    bench_tts(json, config=settings(context).tts, repeats=repeats)


@app.command(epilog="voice bench llm --json llm.json")
def llm(context: typer.Context, *, json: Json = None, rounds: Annotated[int, typer.Option(min=1)] = 3) -> None:
    """Time to the first token with and without prefill, tokens a second alone and together, time to cancel."""
    from rich import print_json

    from voice.bench.models.llm import run as bench_llm
    from voice.bench.report import write_json

    found = bench_llm(settings(context).llm, rounds=rounds)
    print_json(data=found)
    if json is not None:
        write_json(json, found)


@app.command(epilog="voice bench router --json router.json")
def router(
    context: typer.Context,
    *,
    json: Json = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The text sets; by default ../shared/data/text, where it is there.")
    ] = None,
) -> None:
    """Time of a decision, accuracy of its heads, quality against cloud share, private matter found; what compression cost."""
    from voice.bench.report import write_json
    from voice.bench.router import router as bench

    settings(context)
    people = console()
    with people.status("deciding a few ten thousand times …"):
        found = bench.bench_router(data)
    bench.show(found, people)
    if json is not None:
        write_json(json, found)
        bench.plot(found, json.with_suffix(".png"))


@app.command(
    epilog="voice bench speculative --quick    voice bench speculative --edge small.gguf --target large.gguf --json s.json"
)
def speculative(
    context: typer.Context,
    *,
    json: Json = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes: fewer prompts, a smaller grid.")] = False,
    edge: Annotated[Path | None, typer.Option(metavar="GGUF", help="Drafts.")] = None,
    target: Annotated[Path | None, typer.Option(metavar="GGUF", help="Verifies.")] = None,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|GGUF",
            help="Its Q4_0 drafts for its Q8_0. By default llm-qwen2.5-coder-0.5b drafts for -1.5b, or, without these, "
            "the edge model is taken.",
        ),
    ] = None,
    engine: Annotated[
        Literal["voice", "sglang", "vllm"] | None,
        typer.Option(help="Draft for a server that runs already, and for nothing else."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Its address; by default draft.url.")] = None,
    model: Annotated[str | None, typer.Option(help="The name of its model; by default draft.model, else its first.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=200, help="With --engine: so many prompts.")] = None,
) -> None:
    """Drafting against plain streaming: losslessness, acceptance, speed over round trips and token times, first audio."""
    if engine is not None:
        run(_speculative_engine(context, json, edge, engine=engine, url=url, model=model, quick=quick, limit=limit))
        return
    run(_speculative(context, json, edge, target, of=of, quick=quick))


async def _speculative_engine(
    context: typer.Context,
    json: Path | None,
    edge: Path | None,
    *,
    engine: str,
    url: str | None,
    model: str | None,
    quick: bool,
    limit: int | None,
) -> None:
    from voice.bench.report import write_json
    from voice.bench.speculative import engine as bench
    from voice.bench.speculative.quantised import quantised

    chosen = [f"draft.{name}={value}" for name, value in (("engine", engine), ("url", url), ("model", model)) if value]
    config, people = settings(context, *chosen, "draft.patience_ms=60000"), console()  # a slow reply is measured, too
    with people.status("preparing the edge model …"):
        edge = edge or quantised(config.llm.model, "q4_0")
    with progress_bar() as bar:
        found = await bench.run(config, edge=edge, prompts=limit or (20 if quick else 200), progress=stages(bar))
    show(bench.figures(found), f"{found['edge']} drafts for {found['target']} ({engine} {found['version']})")
    if json is not None:
        write_json(json, found)


async def _speculative(
    context: typer.Context, json: Path | None, edge: Path | None, target: Path | None, *, of: str | None, quick: bool
) -> None:
    from voice.bench.report import write_json
    from voice.bench.speculative import speculative as bench
    from voice.bench.speculative.quantised import pair

    config, people = settings(context), console()
    with people.status("preparing the pair of models …"):
        if edge is None or target is None:
            drafts, verifies = pair(of, edge_model=config.llm.model)
            edge, target = edge or drafts, target or verifies
    with progress_bar() as bar:
        size = bench.QUICK if quick else bench.RunSize()
        found = await bench.run(config, edge=edge, target=target, size=size, progress=stages(bar))
    show(bench.figures(found), f"{edge.name} drafts for {target.name}")
    if json is not None:
        write_json(json, found)
        bench.plot(found, json.with_suffix(".png"))


def show(figures: dict[str, Any], title: str) -> None:
    """A table of named figures, for people."""
    from rich.table import Table

    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, str(value))
    console().print(table)
