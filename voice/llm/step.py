"""One step of the model: what is laid in its batch, and what is taken out again."""

from collections.abc import Sequence

from voice.llm.llamacpp import Runtime
from voice.llm.sequence import Job, JobKind, SequenceSlot

Step = list[tuple[SequenceSlot, Job, int]]
"""Whose turn it is: a conversation, its job, and how many of the job's tokens are computed."""


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
