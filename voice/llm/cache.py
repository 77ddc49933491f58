"""What a conversation's cache keeps of what it holds."""

from voice.llm.history import common_prefix
from voice.llm.llamacpp import Runtime
from voice.llm.sequence import Job, JobKind, SequenceSlot


def keep(runtime: Runtime, slot: SequenceSlot, job: Job) -> int:
    """Forget what does not agree with the job; returns how many of its tokens the cache holds.

    The last token is computed again even if it is there: only computing it gives what comes next.
    """
    wanted = job.choice.known - 1 if job.choice is not None else len(job.tokens) - (job.kind is not JobKind.PREFILL)
    kept = min(common_prefix(slot.cached, job.tokens), wanted)
    if kept == len(slot.cached) or (job.kind is JobKind.PREFILL and kept == wanted):
        return kept
    return truncate(runtime, slot, kept)


def truncate(runtime: Runtime, slot: SequenceSlot, length: int) -> int:
    """Shorten a conversation's cache to ``length`` or, with a model that cannot do so, to less; returns the new length."""
    if not runtime.truncate(slot.sequence, length):
        length = 0
    del slot.cached[length:]
    return length
