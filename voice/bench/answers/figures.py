"""An arm's figures out of its turns (pure), the table, and the picture."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice.bench.answers.cases import KINDS
from voice.bench.answers.turns import TIERS, AnsweredTurn
from voice.bench.report import summary, write_json

if TYPE_CHECKING:
    from rich.console import Console

_MARKERS = "osD^"
TIMES = ("own_words_ms", "first_sound_ms", "first_news_ms", "answer_complete_ms")


def arm_figures(arm: str, turns: Sequence[AnsweredTurn], first_ms: int | None, *, repeat: int, currency: str) -> dict[str, Any]:
    """What is said of an arm, which had each conversation ``repeat`` times; what is right is the mean over them.

    ``first_ms`` is the cloud's time to its first token, ``None`` where no cloud is paced.
    """
    verdicts: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for turn in turns:
        if turn.right is not None:
            verdicts[turn.kind, turn.conversation].append(turn.right)
    kinds = {kind: [right for (one, _), right in verdicts.items() if one == kind] for kind in KINDS}
    every = list(verdicts.values())
    return {
        "arm": arm,
        "cloud_first_token_ms": first_ms,
        "kinds": {kind: _right(found, repeat) for kind, found in kinds.items()},
        "all": _right(every, repeat),
        "kinds_all_of_k": {kind: _always(found) for kind, found in (kinds | {"all": every}).items()},
        **{name: summary(_values(turns, name)) for name in TIMES},
        "longest_silence_ms": {
            "before": summary(_values(turns, "first_sound_ms")),
            "inside": summary(_values(turns, "longest_silence_ms")),
        },
        "by_tier": {tier: sum(turn.tier == tier for turn in turns) for tier in TIERS},
        "words_by_tier": {tier: sum(turn.words.get(tier, 0) for turn in turns) for tier in TIERS},
        "fallbacks": sum(turn.fallback is not None for turn in turns),
        "cost": cost(turns, currency),
        "no_answer": sum(turn.no_answer for turn in turns),
        "repeats": sum(turn.repeats for turn in turns),
        "unpaced": {
            "requests": sum(turn.unpaced for turn in turns),
            "turns": sum(turn.unpaced > 0 for turn in turns),
            "conversations_tried_again": len({(turn.conversation, turn.repeat) for turn in turns if turn.attempt}),
        },
        "errors": sum(turn.error is not None for turn in turns),
        "turns": [asdict(turn) for turn in turns],
    }


def _right(verdicts: Iterable[Sequence[bool]], repeat: int) -> list[float]:
    """``[right, of]`` conversations, the mean over the repeats."""
    found = list(verdicts)
    right = sum(sum(one) for one in found) / repeat
    return [int(right) if right.is_integer() else round(right, 2), len(found)]


def _always(verdicts: Iterable[Sequence[bool]]) -> list[int]:
    """``[right, of]``: how many conversations were right each time."""
    found = list(verdicts)
    return [sum(all(one) for one in found), len(found)]


def _values(turns: Iterable[AnsweredTurn], name: str) -> list[float]:
    return [value for turn in turns if (value := getattr(turn, name)) is not None]


def cost(turns: Sequence[AnsweredTurn], currency: str) -> dict[str, Any]:
    """What the turns cost, and a thousand like them."""
    edge, cloud = (sum(turn.cost.get(name, 0.0) for turn in turns) for name in ("edge", "cloud"))
    thousand = (edge + cloud) / len(turns) * 1000 if turns else 0.0
    return {
        "currency": currency,
        "edge": round(edge, 6),
        "cloud": round(cloud, 6),
        "thousand_turns": round(thousand, 4),
    }


def title(one: Mapping[str, Any]) -> str:
    """An arm's name, with the cloud's pace."""
    first_ms = one["cloud_first_token_ms"]
    return str(one["arm"]) if first_ms is None else f"{one['arm']}, {first_ms} ms"


def finish(found: Mapping[str, Any], json: Path | None, people: "Console") -> None:
    """Print the result, and write it and its picture where that is wanted."""
    show(found, people)
    if json is not None:
        write_json(json, found)
        if not plot(found, json.with_suffix(".png")):
            people.print("no picture: matplotlib is not installed")


def show(found: Mapping[str, Any], people: "Console") -> None:
    """Print the result: what was right, and when it was heard."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    how = "spoken" if found["spoken"] else "typed"
    kept: dict[str, Any] = {"box": SIMPLE_HEAD, "padding": (0, 0, 0, 1)}
    asked = f"{found['conversations']} conversations, {found['turns']} turns, {how}, {found['repeat']} ×"
    quality = Table(title=f"right, of {asked}", caption="cost: of 1000 turns", **kept)
    speed = Table(
        title="ms from the end of the question", caption="silence: the longest before the reply and inside it", **kept
    )
    for heading in ("arm", "all", *KINDS, "none", "again", "cost"):
        quality.add_column(heading, justify="left" if heading == "arm" else "right")
    for heading in ("arm", "sound", "own p50", "p95", "news", "p95", "end", "silence", "inside"):
        speed.add_column(heading, justify="left" if heading == "arm" else "right")
    for one in found["arms"]:
        right = (f"{right:g}/{of}" for right, of in (one["all"], *(one["kinds"][kind] for kind in KINDS)))
        spent = f"{one['cost']['thousand_turns']:.3f}"
        quality.add_row(title(one), *right, str(one["no_answer"]), str(one["repeats"]), spent)
        own, news, silence = one["own_words_ms"], one["first_news_ms"], one["longest_silence_ms"]
        times = (one["first_sound_ms"].get("p50"), *(of.get(p) for of in (own, news) for p in ("p50", "p95")))
        ends = (one["answer_complete_ms"].get("p50"), silence["before"].get("max"), silence["inside"].get("max"))
        speed.add_row(title(one), *map(_rounded, (*times, *ends)))
    people.print(quality)
    people.print(speed)
    for one in found["arms"]:
        if one["unpaced"]["requests"] or one["errors"]:
            requests, turns = one["unpaced"]["requests"], one["unpaced"]["turns"]
            people.print(
                f"{title(one)}: {requests} requests in {turns} turns were computed meanwhile, at this machine's own pace; "
                f"{one['errors']} conversations broke off"
            )


def _rounded(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.0f}"


def plot(found: Mapping[str, Any], path: Path) -> bool:
    """Draw the share that is right against the time to the own words and against the cost; false without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (soon, cheap) = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
    for number, one in enumerate(found["arms"]):
        right, of = one["all"]
        how = {"color": f"C{number % 10}", "marker": _MARKERS[number // 10 % len(_MARKERS)], "label": title(one)}
        for axes, x in ((soon, one["own_words_ms"].get("p50")), (cheap, one["cost"]["thousand_turns"])):
            if x is not None and of:
                axes.scatter([x], [right / of], **how)
    soon.set(xlabel="own words heard, ms (p50)", ylabel="share of conversations that are right", ylim=(0, 1))
    cheap.set(xlabel=f"cost of 1000 turns, {_currency(found)}")
    for axes in (soon, cheap):
        axes.grid(alpha=0.3)
        axes.set_xlim(0, max(1.1 * axes.dataLim.x1, 1e-3) if axes.collections else 1)
    if found["arms"]:
        cheap.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def _currency(found: Mapping[str, Any]) -> str:
    return next((str(one["cost"]["currency"]) for one in found["arms"]), "")
