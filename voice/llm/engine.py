"""The thread that owns the model.

Strategy: one loop. Under the lock: forget what nobody wants, start what can start, plan a step. Without the lock: compute it,
hand out its results. Other threads only append jobs, set flags and wake the loop. A step in which nobody is interested any
more is stopped from inside llama.cpp; a step that others share is not, since it would have to be computed again for them and
lasts no longer than a token or a chunk of a prompt.

What a step raises fails that step's jobs. When it happens again, or outside of a step, all that is at hand fails and the
context is made anew; a model that fails all the same is tried at longer and longer intervals, and says so meanwhile.
"""

import ctypes
import logging
import threading
from collections.abc import Callable, Sequence

from voice.core.errors import ChatBusy, ChatError, VoiceError, first_line
from voice.llm.cache import keep, truncate
from voice.llm.health import ModelHealth
from voice.llm.llamacpp import Decoded, Runtime, Sampler
from voice.llm.plan import Work, padded, plan_step
from voice.llm.sequence import Job, JobKind, SequenceSlot, lay_offers
from voice.llm.step import Step, advance, fill, unpad

log = logging.getLogger(__name__)

ALONE_TOKENS = 128
"""Prompt tokens in a step that delays nobody's next token."""
SHARED_TOKENS = 32
"""Prompt tokens in a step that does."""
YIELDING_TOKENS = 32
"""The same of a model that gives way: so long it keeps the processor once it has begun."""
LOOK_AGAIN_S = 0.02
PADDING_TOKENS = 1
"""That a conversation's part of a step may be padded with."""


class Engine:
    """Runs jobs of several conversations on one model. Thread-safe.

    Args:
        load: makes the runtime; called on the engine's thread.
        conversations: slots.
        prepare: given the runtime, returns the system prompt's tokens, which every conversation begins with.
        sampler: makes the sampler of a reply; told whether it is to be another one than the likeliest.
        exact: pad steps (:func:`~voice.llm.plan.padded`) so that what is computed for one conversation does not depend on the
            others, or on how many tokens are computed at a time. A reply that runs alone then takes half as long again.
        gives_way: whether somebody who matters more has the processor now: what nobody waits for is not computed meanwhile.

    Raises:
        ChatError: the model cannot be loaded, or its first step fails.
    """

    def __init__(
        self,
        load: Callable[[], Runtime],
        *,
        conversations: int,
        prepare: Callable[[Runtime], Sequence[int]],
        sampler: Callable[[bool], Sampler],
        exact: bool = False,
        gives_way: Callable[[], bool] | None = None,
    ) -> None:
        self._slots = [SequenceSlot(sequence=i) for i in range(conversations)]
        self._free = list(reversed(self._slots))
        self._new_sampler = sampler
        self._exact = exact
        self._gives_way = gives_way
        self._condition = threading.Condition()
        self._running: Step = []
        self._closing = False
        self._system: list[int] = []
        self._snapshot: ctypes.Array[ctypes.c_uint8] | None = None
        self._failure: list[BaseException] = []
        self._health = ModelHealth()
        self._runtime: Runtime | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._main, args=(load, prepare, ready), name="voice-llm", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure:
            self._thread.join()
            error = self._failure[0]
            if isinstance(error, VoiceError):
                raise error
            raise ChatError(f"the language model cannot be loaded: {first_line(error)}") from error

    # --- from any thread -----------------------------------------------------------------------------------------------------

    @property
    def free_slots(self) -> int:
        """Conversations that may still be opened."""
        return len(self._free)

    @property
    def idle(self) -> bool:
        """Whether nothing is computed and nothing waits."""
        with self._condition:
            return not self._running and not any(slot.job or slot.waiting for slot in self._slots)

    @property
    def problem(self) -> str:
        """Why the model cannot serve now; empty while it can."""
        return self._health.problem

    def open(self) -> SequenceSlot:
        """Begin a conversation.

        Raises:
            ChatBusy: all slots are taken.
            ChatError: the engine is closed.
        """
        with self._condition:
            if self._closing:
                raise ChatError("the language model is closed")
            if not self._free:
                raise ChatBusy(
                    f"all {len(self._slots)} conversations of the language model are taken; "
                    "try again when one has ended, or raise llm.conversations"
                )
            return self._free.pop()

    def release(self, slot: SequenceSlot) -> None:
        """End a conversation; its jobs are cancelled."""
        with self._condition:
            for job in (slot.job, *slot.waiting):
                if job is not None:
                    job.cancelled = True
            slot.stale = True
            self._free.append(slot)
            self._interrupt()

    def submit(self, slot: SequenceSlot, job: Job) -> None:
        """Ask for something. The job's outcome is told on the engine's thread.

        Raises:
            ChatError: the engine is closed, or the model does not serve.
        """
        job.stats.prompt = len(job.tokens)
        with self._condition:
            if self._closing:
                raise ChatError("the language model is closed")
            if self._health.problem:
                raise ChatError(self._health.problem)
            for other in slot.enqueue(job):
                self._end(
                    other, None if other.kind is JobKind.PREFILL else ChatError("another reply was begun in the conversation")
                )
            self._interrupt()

    def cancel(self, job: Job) -> None:
        """Nobody wants the job any more. Returns at once; the model stops in an operation or, if others share it, a step."""
        with self._condition:
            job.cancelled = True
            self._interrupt()

    def offer(self, job: Job, place: int, draft: Sequence[int]) -> None:
        """A draft of what a job that goes on may choose next, from ``place`` of its tokens on. Nonsense is ignored."""
        with self._condition:
            if job.choice is not None and place >= 0:
                job.choice.offers.append((place, draft))

    def wake(self) -> None:
        """A reader has taken tokens."""
        with self._condition:
            self._condition.notify()

    def close(self) -> None:
        """Fail what is left, free the model and join the thread. May be called again."""
        with self._condition:
            self._closing = True
            for _, job, _ in self._running:
                job.cancelled = True
            self._interrupt()
        self._thread.join()

    def _interrupt(self) -> None:
        """Stop the running step if nothing in it is wanted, or if somebody waits for it who matters more."""
        urgent = [slot for slot in self._slots if any(job.urgent and job.live for job in slot.waiting)]
        if (
            self._runtime is not None
            and self._running
            and all(
                (not job.live and not _serves_next(slot, job, count))
                or (not job.urgent and any(slot is not other for other in urgent))
                for slot, job, count in self._running
            )
        ):
            self._runtime.abort()
        self._condition.notify()

    # --- the thread ----------------------------------------------------------------------------------------------------------

    def _main(self, load: Callable[[], Runtime], prepare: Callable[[Runtime], Sequence[int]], ready: threading.Event) -> None:
        try:
            self._runtime = runtime = load()
            try:
                self._warm_up(runtime, prepare(runtime))
            except BaseException:
                runtime.close()
                raise
        except BaseException as error:
            self._failure.append(error)
            return
        finally:
            ready.set()
        try:
            while not self._closing:
                self._serve(runtime)
        finally:
            with self._condition:
                self._health.problem = "" if self._closing else "the language model's thread has ended"
                self._closing = True
            self._fail_all(ChatError("the language model was closed"))
            runtime.close()

    def _serve(self, runtime: Runtime) -> None:
        """Compute step after step until the engine closes, or the context has to be made anew. Raises nothing."""
        try:
            if self._health.broken:
                self._renew(runtime)
            while not self._health.broken and self._next_step(runtime):
                self._compute(runtime)
        except BaseException as error:  # the model has this thread alone: it goes on, whatever it was
            self._health.failed(error, broken=True)

    def _renew(self, runtime: Runtime) -> None:
        """Go on with an empty context that was tried, after a pause where the last ones did not help."""
        self._fail_all(ChatError("the language model failed and begins anew; ask again"))
        if pause := self._health.pause_s:
            log.error("%s; it is tried again in %.0f s", self._health.problem, pause)
            with self._condition:
                self._condition.wait_for(lambda: self._closing, pause)
        if not self._closing:
            runtime.abort(False)
            runtime.renew()
            self._warm_up(runtime, self._system)
            self._health.renewed()

    def _warm_up(self, runtime: Runtime, system: Sequence[int]) -> None:
        """Compute the system prompt and run the shapes that come: the first step of each kind is the slowest."""
        self._system = list(system)
        spare = self._slots[0]
        for start in range(0, len(self._system), runtime.batch.capacity):
            runtime.batch.clear()
            runtime.batch.add(spare.sequence, start, self._system[start : start + runtime.batch.capacity])
            _check(runtime.decode())
        self._snapshot = runtime.snapshot(spare.sequence) if self._system else None
        for slot in self._slots:
            self._refresh(runtime, slot)
        for count in (1, 8):
            runtime.batch.clear()
            row = runtime.batch.add(spare.sequence, len(spare.cached), [0] * count)
            runtime.batch.want_logits(row + count - 1)
            _check(runtime.decode())
            # Padding must be forgotten again, which not every architecture can.
            self._exact = runtime.truncate(spare.sequence, len(spare.cached)) and self._exact

    def _next_step(self, runtime: Runtime) -> bool:
        """Wait until there is something to compute and lay it in the batch. False: the engine closes."""
        with self._condition:
            while True:
                if self._closing:
                    return False
                self._sweep(runtime)
                self._start_waiting(runtime)
                ready = [(slot, slot.job) for slot in self._slots if slot.job is not None and not slot.job.outcome.full]
                if ready and self._gives_way is not None and not any(job.urgent for _, job in ready) and self._gives_way():
                    self._condition.wait(LOOK_AGAIN_S)
                    continue
                if ready:
                    break
                self._condition.wait()
            for _, job in ready:
                if job.choice is not None and job.choice.offers:
                    decided = job.choice.known + job.stats.generated
                    lay_offers(job.choice.offers, job.tokens, decided=decided, limit=job.choice.known + job.max_tokens)
            works = [Work(len(job.tokens) - len(slot.cached), job.urgent) for slot, job in ready]
            spare = PADDING_TOKENS * len(self._slots) if self._exact else 0
            counts = plan_step(works, alone=runtime.batch.capacity - spare, shared=SHARED_TOKENS)
            self._running = [(slot, job, count) for (slot, job), count in zip(ready, counts, strict=True) if count]
            runtime.abort(False)
            return True

    def _sweep(self, runtime: Runtime) -> None:
        for slot in self._slots:
            if slot.job is not None and not slot.job.live:
                self._end(slot.job)
                slot.job = None
            for job in [job for job in slot.waiting if not job.live]:
                self._end(job)
                slot.waiting.remove(job)
            if slot.stale and slot.job is None:
                self._refresh(runtime, slot)

    def _start_waiting(self, runtime: Runtime) -> None:
        for slot in self._slots:
            if slot.job is not None or not slot.waiting:
                continue
            slot.job = job = slot.waiting.pop(0)
            if job.choice is not None:
                job.choice.follow(job.tokens)
                if job.choice.stale:
                    self._end(job)
                    slot.job = None
                    continue
            kept = keep(runtime, slot, job)
            job.stats.reused, job.stats.decoded = kept, job.stats.prompt - kept
            if job.kind is JobKind.REPLY:
                job.sampler = self._new_sampler(job.anew)
            if job.probe is not None and job.probe.position <= kept:
                job.probe = None
            if kept == len(job.tokens):  # a prefill that changes nothing
                self._end(job)
                slot.job = None

    def _refresh(self, runtime: Runtime, slot: SequenceSlot) -> None:
        """Put a conversation back to its beginning: the system prompt."""
        runtime.truncate(slot.sequence, 0)
        restored = self._snapshot is not None and runtime.restore(slot.sequence, self._snapshot)
        slot.cached = list(self._system) if restored else []
        slot.stale = False

    # --- one step ------------------------------------------------------------------------------------------------------------

    def _compute(self, runtime: Runtime) -> None:
        step = self._running
        try:
            pads = padded([count for _, _, count in step]) if self._exact else None
            rows = fill(runtime, step, pads)
            code = runtime.decode()
            if code is Decoded.OK:
                if pads is not None:
                    unpad(runtime, step, pads)
                for (slot, job, count), row in zip(step, rows, strict=True):
                    advance(runtime, slot, job, count, row, self._end)
                self._health.succeeded()
            else:
                self._recover(runtime, step, code)
        except Exception as error:  # a bug must not take the other conversations down
            self._health.failed(error)
            self._fail(runtime, step, ChatError(f"the language model failed: {first_line(error)}; ask again"))
        finally:
            with self._condition:
                self._running = []

    def _recover(self, runtime: Runtime, step: Step, code: Decoded) -> None:
        """Bring the cache back to what the slots say it holds; fail the step's jobs unless it can be computed again."""
        for slot, _, _ in step:
            truncate(runtime, slot, len(slot.cached))
        if code is Decoded.ABORTED:
            return
        reason = "its cache is full" if code is Decoded.NO_ROOM else "llama.cpp could not compute a step"
        error = ChatError(f"the language model failed: {reason}; ask again")
        if code is Decoded.FAILED:
            self._health.failed(error)
        else:
            log.error("%s", error)
        self._fail(runtime, step, error)

    def _fail(self, runtime: Runtime, step: Step, error: ChatError) -> None:
        for slot, job, _ in step:
            self._end(job, error)
            self._refresh(runtime, slot)

    def _end(self, job: Job, error: ChatError | None = None) -> None:
        if not job.done:
            job.done = True
            job.settled = error is None and not job.cancelled
            job.outcome.ended(error)
        if threading.current_thread() is self._thread and job.sampler is not None:
            job.sampler.close()
            job.sampler = None

    def _fail_all(self, error: ChatError) -> None:
        with self._condition:
            for slot in self._slots:
                for job in (slot.job, *slot.waiting):
                    if job is not None:
                        self._end(job, error)
                slot.job = None
                slot.waiting.clear()


def _serves_next(slot: SequenceSlot, job: Job, count: int) -> bool:
    """Whether what is being computed for a job that nobody wants any more is what the next one in its slot begins with."""
    done = len(slot.cached) + count
    return any(other.live and other.tokens[:done] == job.tokens[:done] for other in slot.waiting)


def _check(code: Decoded) -> None:
    if code is not Decoded.OK:
        raise ChatError("llama.cpp loaded the language model and cannot compute with it; choose another GGUF in llm.model")
