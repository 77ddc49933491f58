"""Parts of ``voice bench speculative`` that stand alone: chance and first audio."""

import asyncio
import copy
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voice.bench.report import summary
from voice.bench.speculative import chi2
from voice.bench.speculative.paced_verifier import FixedPlan, OfferedVerifier, Recorded
from voice.core.config import LlmConfig, TtsConfig
from voice.core.errors import ChatError
from voice.core.interfaces import Token
from voice.draft.acceptance import Proposal, Row, Sampling, choose, distribution, draw
from voice.draft.confidence import DraftCalibration
from voice.draft.edge import EdgeDrafter
from voice.draft.loop import DraftedReply
from voice.draft.plan import Controller
from voice.draft.reply_options import ReplyOptions
from voice.llm.edge import EdgeChat, EdgeModel
from voice.llm.sequence import Selection
from voice.llm.stream import Result
from voice.tts.clauses import ClauseSplitter
from voice.tts.piper import PiperSynthesizer

Progress = Callable[[str, int, int], None]
SMALL = Sampling(1.2, top_k=9)
"""The target of the χ² test: hot, over nine words."""
PLACES = 20
"""Places in real replies whose distributions are drawn from."""


# --- chance ------------------------------------------------------------------------------------------------------------------


class _Logits:
    """An outcome that takes the logits behind a prefix and no more."""

    full = False

    def __init__(self, result: "Result[npt.NDArray[np.float32]]") -> None:
        self._result = result

    def choose(self, logits: npt.NDArray[np.float32], index: int) -> int | None:
        del index
        self._result.set(logits.copy())
        return None

    def ended(self, error: ChatError | None) -> None:
        if error is not None:
            self._result.fail(error)

    def token(self, token: Token) -> bool:
        raise NotImplementedError(f"nothing was to be generated, but {token!r} was")

    def scored(self, probability: float) -> None:
        raise NotImplementedError(f"nothing was to be scored, but {probability} was")


async def _logits(chat: EdgeChat, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
    result: Result[npt.NDArray[np.float32]] = Result()
    outcome = _Logits(result)
    chat.choose(list(tokens), Selection(outcome, len(tokens)), outcome)
    return await result.future


async def chance(
    drafting: EdgeModel, target: Path, recorded: Sequence[Recorded], *, draws: int, progress: Progress
) -> dict[str, Any]:
    """χ² over ``draws`` draws from real distributions: the rule, first choices, and a rule that is wrong on purpose."""
    config = LlmConfig(model=str(target), conversations=1, context_tokens=drafting.config.context_tokens, system_prompt="")
    whole = await asyncio.to_thread(EdgeModel, config, exact=True)
    theirs, mine = whole.open(), drafting.open()
    rng = random.Random(5)  # noqa: S311 (places, not secrets)
    rows: list[tuple[Row, Row]] = []
    try:
        for number in range(PLACES):
            progress("distributions of both models", number, PLACES)
            record = recorded[number % len(recorded)]
            prefix = [*record.prompt, *record.reply[: rng.randrange(max(1, len(record.reply) - 1))]]
            p = distribution(await _logits(theirs, prefix), SMALL)
            q = distribution(await _logits(mine, prefix), SMALL)
            kept = np.flatnonzero((p > 0) | (q > 0))
            rows.append((p[kept], q[kept]))
    finally:
        mine.close()
        whole.close()
    return {
        "chi2_p": _fit(rows, _drafted, draws),
        "chi2_p_one_hot": _fit(rows, _first_choice, draws),
        "chi2_p_wrong": _fit(rows, _wrong, draws),
        "chi2_draws": draws,
    }


def _fit(rows: Sequence[tuple[Row, Row]], rule: Callable[[Row, Row, np.random.Generator], int], draws: int) -> float:
    rng = np.random.default_rng(7)
    total, degrees = 0.0, 0
    for p, q in rows:
        counts = np.bincount([rule(p, q, rng) for _ in range(draws // len(rows))], minlength=p.size)
        value, free = chi2.statistic(counts, p)
        total, degrees = total + value, degrees + free
    return float(chi2.tail(total, degrees)) if np.isfinite(total) else 0.0


def _drafted(p: Row, q: Row, rng: np.random.Generator) -> int:
    support = np.flatnonzero(q)
    return choose(p, Proposal(draw(q, rng), tuple(map(int, support)), tuple(map(float, q[support]))), rng)


def _first_choice(p: Row, q: Row, rng: np.random.Generator) -> int:
    return choose(p, Proposal(int(q.argmax())), rng)


def _wrong(p: Row, q: Row, rng: np.random.Generator) -> int:
    """Wrong on purpose: the replacement is drawn from all of p instead of what is left of it."""
    token = draw(q, rng)
    return token if rng.random() * q[token] < p[token] else draw(p, rng)


# --- first audio -------------------------------------------------------------------------------------------------------------

PROMPT_MS = 50.0
"""What the verifier takes to read the end of the prompt, the rest being in its cache."""
DEADLINE_MS = 150.0


async def first_audio(
    drafting: EdgeModel,
    tts: TtsConfig,
    recorded: Sequence[Recorded],
    calibration: DraftCalibration,
    *,
    count: int,
    progress: Progress,
) -> dict[str, Any]:
    """From the request to the first audio of the first clause, at round trips of 20, 40 and 80 ms and 30 ms a token."""
    voice = await asyncio.to_thread(PiperSynthesizer, tts)
    chat = drafting.open()
    times: dict[str, list[float]] = {"streamed": [], "lossless": [], "eager": []}
    controllers = {rtt: Controller() for rtt in (20.0, 40.0, 80.0)}
    for rtt_ms, controller in controllers.items():
        controller.rtt.add(rtt_ms)
        controller.token.add(30.0)
        controller.calibration = copy.deepcopy(calibration)
    try:
        for number in range(count):
            progress("first audio", number, count)
            record = recorded[number % len(recorded)]
            rtt_ms = (20.0, 40.0, 80.0)[number % 3]
            for name, found in times.items():
                controller = FixedPlan(0, 1) if name == "streamed" else controllers[rtt_ms]
                deadline_ms = DEADLINE_MS if name == "eager" else None
                took_ms = await _first_audio_ms(drafting, chat, voice, tts, controller, record, rtt_ms, deadline_ms)
                if took_ms is not None:
                    found.append(took_ms)
    finally:
        chat.close()
        voice.close()
    return {name: summary(found) for name, found in times.items()} | {"deadline_ms": DEADLINE_MS, "token_ms": 30}


async def _first_audio_ms(
    drafting: EdgeModel,
    chat: EdgeChat,
    voice: PiperSynthesizer,
    tts: TtsConfig,
    controller: Controller,
    record: Recorded,
    rtt_ms: float,
    deadline_ms: float | None,
) -> float | None:
    runtime = drafting.runtime
    ends = runtime.ending_tokens()

    def whole_words(tokens: Sequence[int]) -> int:
        starts = [i for i, token in enumerate(tokens) if i and runtime.piece(token)[:1] in (b" ", b"\n")]
        return starts[-1] if starts else 0

    terms = ReplyOptions(
        record.prompt, 32, ends.__contains__, whole_words, kind=record.kind, deadline_ms=deadline_ms, patience_ms=60_000
    )
    verifier = OfferedVerifier(record, rtt_ms=rtt_ms, token_ms=30.0, prompt_ms=PROMPT_MS)
    drafter = EdgeDrafter(chat, context_tokens=drafting.config.context_tokens)
    drafter.begin(record.prompt)  # the prompt is in the edge's cache when the user stops speaking
    await drafter.next()
    drafter.stop()
    splitter = ClauseSplitter(tts.first_clause_words)
    began_s = time.perf_counter()
    tokens = DraftedReply(drafter, verifier, controller, terms).tokens()
    clauses: list[str] = []
    try:
        async for approved in tokens:
            if approved.token not in ends:
                clauses = splitter.feed(runtime.piece(approved.token).decode("utf-8", "replace"))
            if clauses:
                break
        clauses = clauses or splitter.finish()
        if not clauses:
            return None
        async for _ in voice.stream(clauses[0].strip()):
            return (time.perf_counter() - began_s) * 1e3
    finally:
        await tokens.aclose()
    return None
