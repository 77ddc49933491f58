"""One step of the model: what is laid in its batch, and what is taken out again."""

from collections.abc import Callable, Sequence

import numpy as np

from voice.core.errors import ChatError
from voice.core.interfaces import Token
from voice.llm.cache import truncate
from voice.llm.llamacpp import Runtime, logprob
from voice.llm.sequence import Job, JobKind, Selection, SequenceSlot

Step = list[tuple[SequenceSlot, Job, int]]
"""Whose turn it is: a conversation, its job, and how many of the job's tokens are computed."""

End = Callable[[Job, ChatError | None], None]


def fill(runtime: Runtime, step: Step, pads: Sequence[int] | None) -> list[int]:
    """Lay the step's tokens in the batch, each job's followed by others up to ``pads``; returns the row of each job's first."""
    batch = runtime.batch
    batch.clear()
    rows = []
    for number, (slot, job, count) in enumerate(step):
        start = len(slot.cached)
        tokens = job.tokens[start : start + count]
        if pads is not None:
            tokens += [0] * (pads[number] - count)
        row = batch.add(slot.sequence, start, tokens)
        rows.append(row)
        if job.kind is JobKind.REPLY and start + count == len(job.tokens):
            batch.want_logits(row + count - 1)
        if job.probe is not None and start < job.probe.position <= start + count:
            batch.want_logits(row + job.probe.position - 1 - start)
        if job.choice is not None:
            for position in range(max(start, job.choice.known - 1), start + count):
                batch.want_logits(row + position - start)
    return rows


def unpad(runtime: Runtime, step: Step, pads: Sequence[int]) -> None:
    """Forget what a step was padded with: nothing that came before has seen it."""
    for (slot, _, count), padded_count in zip(step, pads, strict=True):
        if padded_count > count:
            runtime.truncate(slot.sequence, len(slot.cached) + count)


def advance(runtime: Runtime, slot: SequenceSlot, job: Job, count: int, row: int, end: End) -> None:
    """Account for ``count`` computed tokens of which the batch's token ``row`` is the first; ``end`` tells a job's end."""
    start = len(slot.cached)
    slot.cached.extend(job.tokens[start : start + count])
    if not job.live:
        return
    if job.choice is not None:
        _choose(runtime, slot, job, job.choice, range(max(start, job.choice.known - 1), start + count), row - start, end)
        return
    if job.probe is not None and start < job.probe.position <= len(slot.cached):
        logits = runtime.logits(row + job.probe.position - 1 - start)
        job.outcome.scored(float(np.exp(logprob(logits, job.probe.token))))
        job.probe = None
    if len(slot.cached) < len(job.tokens):
        return
    if job.kind is JobKind.REPLY:
        _generate(runtime, job, row + count - 1, end)
    else:
        end(job, None)


def _choose(runtime: Runtime, slot: SequenceSlot, job: Job, choice: Selection, computed: range, offset: int, end: End) -> None:
    """Have a token chosen behind each computed position, up to where the draft is wrong. Position + offset is the row."""
    for position in computed:
        drafted = position + 1 < len(job.tokens)
        if not drafted and not (choice.bonus or choice.goes_on):
            end(job, None)
            return
        try:
            token = choice.chooser.choose(runtime.logits(position + offset), position + 1 - choice.prefix)
        except ValueError as error:
            end(job, ChatError(f"the language model computed nonsense ({error}); ask again"))
            return
        if token is None:
            job.cancelled = True
            return
        job.stats.generated += 1
        last = runtime.ends_reply(token)
        last = last or (choice.goes_on and job.stats.generated >= job.max_tokens)
        if drafted and job.tokens[position + 1] == token and not last:
            continue
        del job.tokens[position + 1 :]
        job.tokens.append(token)
        if last or not choice.goes_on:
            end(job, None)
        elif len(slot.cached) > position + 1:
            truncate(runtime, slot, position + 1)
        return


def _generate(runtime: Runtime, job: Job, row: int, end: End) -> None:
    """Choose the next token of a reply and hand it out."""
    assert job.sampler is not None  # noqa: S101 (a reply that has started has one)
    token = runtime.sample(job.sampler, row)
    job.stats.generated += 1
    probability = logprob(runtime.logits(row), token)
    last = runtime.ends_reply(token)
    text = "" if last else job.text.feed(runtime.piece(token))
    last = last or job.text.stopped or job.stats.generated >= job.max_tokens
    if last:
        text += job.text.end()
    else:
        job.tokens.append(token)
    if (text or not last) and not job.outcome.token(Token(text, probability)):
        job.cancelled = True
    if last:
        end(job, None)
