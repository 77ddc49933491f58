"""A conversation whose replies the edge drafts and a larger model verifies: :class:`~voice.stages.Chat`.

Strategy: the prompt is tokenised once, by the edge model, whose vocabulary the verifier shares or nothing is drafted
(:mod:`voice.draft.vocabulary`). :class:`~voice.draft.loop.Reply` does the rest. What the verifier cannot do the
cloud does where there is one, else by the edge: a turn is always answered, and :attr:`DraftedChat.trace` says by whom.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from voice.config import DraftConfig
from voice.draft.acceptance import GREEDY, Sampling
from voice.draft.edge import EdgeDrafter, identity_of
from voice.draft.health import Health
from voice.draft.loop import Reply
from voice.draft.plan import Controller
from voice.draft.terms import Account, Terms
from voice.draft.verifier import Block, Identity, Verifier
from voice.draft.vocabulary import compare
from voice.errors import VerifierError
from voice.llm.edge import EdgeChat, EdgeModel
from voice.llm.text import TextStream
from voice.stages import Chat, Message, Token

CONNECT_WITHIN_S = 0.15
"""A reply waits so long for the verifier's connection, then begins without it."""
AGAIN_AFTER_S = 5.0
"""A verifier that could not be reached is not tried again before."""

_log = logging.getLogger(__name__)
Connect = Callable[[], Awaitable[Verifier]]
Notify = Callable[[str, str], None]


class DraftedModel:
    """What the conversations of a process share: the edge model, what was learnt, and how to reach the verifier.

    Args:
        edge: the model that drafts; its owner closes it.
        config: see :class:`~voice.config.DraftConfig`.
        connect: opens a verifier's session, one for each conversation. Raises :class:`~voice.errors.VerifierError`.
        health: remembers the pair's acceptance.
        sampling: how the verifier's model chooses.
        notify: told a code and a sentence when something is worth a person's notice.
    """

    def __init__(
        self,
        edge: EdgeModel,
        config: DraftConfig,
        connect: Connect,
        *,
        health: Health | None = None,
        sampling: Sampling = GREEDY,
        notify: Notify | None = None,
    ) -> None:
        self.edge = edge
        self.config = config
        self.connect = connect
        self.health = health or Health(None)
        self.sampling = sampling
        self.notify = notify or (lambda code, message: _log.warning("%s: %s", code, message))
        self.identity = identity_of(edge, max_draft=config.max_draft)
        self.ends = edge.runtime.ending_tokens()
        self._controllers: dict[str, Controller] = {}
        self._told: set[str] = set()

    def open(self, *, plain: Chat | None = None, alone: bool = True) -> "DraftedChat":
        """Begin a conversation.

        Args:
            plain: answers where drafting is impossible because the models do not match (the cloud's own chat); the edge
                where there is none. Closed with the conversation.
            alone: whether the edge answers where the verifier cannot; otherwise replies raise
                :class:`~voice.errors.VerifierError`.

        Raises:
            ChatBusy: all slots of the edge model are taken.
        """
        return DraftedChat(self, self.edge.open(), plain, alone=alone)

    def pair(self, target: Identity) -> str:
        """The two models' names."""
        return f"{self.identity.model} → {target.model}"

    def controller(self, target: Identity) -> Controller:
        """What was learnt about drafting for a verifier, begun with what earlier processes learnt."""
        pair = self.pair(target)
        if pair not in self._controllers:
            self._controllers[pair] = made = Controller(
                max_draft=min(self.config.max_draft, target.max_draft), max_depth=self.config.max_depth
            )
            for kind, (rate, judged) in self.health.rates(pair).items():
                weight = min(judged, 200.0)
                made.judged(kind, round(rate * weight), round((1 - rate) * weight))
            if target.token_ms > 0:
                made.token.add(target.token_ms)
            if target.rtt_ms > 0:
                made.rtt.add(target.rtt_ms)
        return self._controllers[pair]

    def tell_once(self, code: str, message: str) -> None:
        """A notice that does not repeat itself."""
        if message not in self._told:
            self._told.add(message)
            self.notify(code, message)


class DraftedChat:
    """One conversation. Its methods belong to one event loop."""

    def __init__(self, model: DraftedModel, edge: EdgeChat, plain: Chat | None, *, alone: bool = True) -> None:
        self._model = model
        self._edge = edge
        self._plain = plain
        self._alone = alone
        self._drafter = EdgeDrafter(edge, context_tokens=model.edge.config.context_tokens, sampling=model.sampling)
        self._connecting: asyncio.Task[Verifier] | None = None
        self._not_before_s = 0.0
        self._matches = False
        self.trace: dict[str, Any] = {}
        """What the last reply came to: by whom, the plan, the expected gain and the real one."""

    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int, prefix: str = "", kind: str = ""
    ) -> AsyncGenerator[Token, None]:
        """See :class:`~voice.stages.Chat`. ``kind`` of task is for the statistics and the plan."""
        verifier = await self._verifier()
        if verifier is None and not self._alone:
            raise VerifierError(self.trace.get("why", "the verifier cannot be had"))
        if verifier is None:
            chat, name = (self._plain, "plain") if self._plain is not None else (self._edge, "edge")
            self.trace = {"mode": name, "why": self.trace.get("why", "")}
            async for token in chat.reply(messages, max_tokens=max_tokens, prefix=prefix):
                yield token
            return
        prompt = [*self._edge.prompt_tokens(messages, max_tokens=max_tokens), *self._model.edge.words(prefix)]
        terms = self._terms(prompt, max_tokens, kind)
        reply = Reply(self._drafter, verifier, self._model.controller(verifier.identity), terms)
        expected = reply.account.plan.gain
        text = TextStream(self._model.edge.markers)
        tokens = reply.tokens()
        try:
            async for approved in tokens:
                if approved.token in self._model.ends or text.stopped:
                    break
                piece = text.feed(self._model.edge.runtime.piece(approved.token))
                yield Token(piece, -1.0 if math.isnan(approved.logprob) else approved.logprob)
            if rest := text.end():
                yield Token(rest, 0.0)
        finally:
            await tokens.aclose()
            self._close_account(reply.account, verifier, kind, expected)
            self.trace["prompt"] = len(prompt)

    async def prefill(self, messages: Sequence[Message]) -> None:
        """See :class:`~voice.stages.Chat`. On the edge only; see :meth:`warm`."""
        self._connect()
        await self._edge.prefill(messages)

    async def warm(self, messages: Sequence[Message]) -> None:
        """Let the verifier read a conversation ahead of time. Whoever calls it answers for its leaving the device."""
        verifier = await self._verifier()
        if verifier is not None:
            prompt = self._edge.prompt_tokens(messages, max_tokens=1)
            try:
                await verifier.verify(Block(tuple(prompt)))
            except VerifierError as error:
                _log.info("the verifier was not warmed up: %s", error)

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """See :class:`~voice.stages.Chat`."""
        return await self._edge.end_of_turn_probability(messages)

    def close(self) -> None:
        """See :class:`~voice.stages.Chat`. The verifier's connection is closed beside it."""
        self._drafter.stop()
        self._edge.close()
        if self._plain is not None:
            self._plain.close()
        self._drop()

    async def aclose(self) -> None:
        """:meth:`close`, and wait for the connection's end."""
        self.close()
        await asyncio.gather(*_farewells, return_exceptions=True)

    def verifier_identity(self) -> Identity | None:
        """Who verifies; None while nobody does. Begins to connect."""
        self._connect()
        task = self._connecting
        if task is None or not task.done() or task.cancelled() or task.exception() or not self._matches:
            return None
        return task.result().identity

    # --- the verifier --------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Begin to connect if there is no use of what is there."""
        task = self._connecting
        if (
            task is not None
            and task.done()
            and (task.cancelled() or task.exception() or getattr(task.result(), "broken", False))
        ):
            self._drop()
        if self._connecting is None and asyncio.get_running_loop().time() >= self._not_before_s:
            self._connecting = asyncio.create_task(self._open_verifier(), name="verifier-connect")
            self._connecting.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _open_verifier(self) -> Verifier:
        verifier = await self._model.connect()
        found = compare(self._model.identity, verifier.identity, trusted=self._model.config.same_vocabulary)
        self._matches = found.match == "token"
        if not self._matches:
            self._model.tell_once("no_drafting", found.why)
        return verifier

    async def _verifier(self) -> Verifier | None:
        """A verifier that may be drafted for; None says why in the trace."""
        self._connect()
        if self._connecting is None:
            return None
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                verifier = await asyncio.shield(self._connecting)
        except TimeoutError:
            self.trace = {"why": "the verifier is not connected yet"}
            return None
        except VerifierError as error:
            self.trace = {"why": str(error)}
            self._not_before_s = asyncio.get_running_loop().time() + AGAIN_AFTER_S
            self._model.tell_once("verifier_failed", str(error))
            return None
        if not self._matches:
            self.trace = {"why": "the models do not match"}
            return None
        return verifier

    def _drop(self) -> None:
        task, self._connecting = self._connecting, None
        if task is None:
            return
        if not task.done():
            task.cancel()
        elif not task.cancelled() and task.exception() is None and (closing := getattr(task.result(), "aclose", None)):
            farewell = asyncio.get_running_loop().create_task(closing())
            _farewells.add(farewell)
            farewell.add_done_callback(_farewells.discard)

    # --- one reply -----------------------------------------------------------------------------------------------------------

    def _terms(self, prompt: list[int], max_tokens: int, kind: str) -> Terms:
        config, runtime = self._model.config, self._model.edge.runtime
        room = self._model.edge.config.context_tokens - 1 - len(prompt)

        def whole_words(tokens: Sequence[int]) -> int:
            starts = [i for i, token in enumerate(tokens) if i and runtime.piece(token)[:1] in (b" ", b"\n")]
            return starts[-1] if starts else 0

        return Terms(
            tuple(prompt),
            min(max_tokens, room),
            ends=self._model.ends.__contains__,
            whole_words=whole_words,
            sampling=self._model.sampling,
            kind=kind,
            deadline_ms=config.deadline_ms if config.promise == "eager" else None,
            patience_ms=config.patience_ms,
            alone=self._alone,
        )

    def _close_account(self, account: Account, verifier: Verifier, kind: str, expected: float) -> None:
        who, model = verifier.identity, self._model
        streamed_ms = model.controller(who).token.value_ms
        acceptance = account.acceptance
        self.trace = {
            "mode": "streamed" if account.plan.streams and not account.switched else "drafted",
            "verifier": who.model,
            "version": who.version,
            "draft_tokens": account.plan.draft_tokens,
            "depth": account.plan.depth,
            "tokens": account.approved,
            "by_edge": account.by_edge,
            "rounds": account.rounds,
            "drafted": account.drafted,
            "acceptance": None if acceptance is None else round(acceptance, 3),
            "wasted": max(0, account.drafted - account.accepted),
            "expected_gain": round(expected, 2),
            "gain": round(streamed_ms / account.token_ms, 2) if account.token_ms and streamed_ms else None,
            "failure": account.failure,
        }
        notice = model.health.add(
            model.pair(who), kind, version=who.version, accepted=account.accepted, rejected=account.rejected
        )
        if notice is not None:
            model.notify("acceptance_fell", notice)
        if account.failure:
            model.tell_once("verifier_failed", account.failure)
            self._drop()


_farewells: set["asyncio.Task[None]"] = set()
"""Connections that are being closed after their conversation."""
