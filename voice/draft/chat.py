"""A conversation whose replies the edge drafts and a larger model verifies: :class:`~voice.core.interfaces.Chat`.

Strategy: the prompt is tokenised once, in the verifier's vocabulary. Where that is also the edge model's, its tokens are the
draft; otherwise its text is, as far as the verifier's tokenizer can be had (:mod:`voice.draft.vocabulary`,
:mod:`voice.draft.text`). :class:`.DraftedReply` does the rest. What the verifier cannot do the cloud does where there
is one, else the edge: a turn is always answered, and :attr:`DraftedChat.trace` says by whom.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from voice.core.config import DraftConfig
from voice.core.errors import VerifierError, mapped
from voice.core.interfaces import Chat, Message, Token
from voice.draft.acceptance import GREEDY, Sampling
from voice.draft.edge import EdgeDrafter, identity_of
from voice.draft.health import Health
from voice.draft.loop import DraftedReply
from voice.draft.plan import Controller
from voice.draft.reply_options import Drafter, DraftTally, ReplyOptions
from voice.draft.target_tokenizers import TargetTokenizers, own_tongue
from voice.draft.tasks import LeavingTasks
from voice.draft.text import TextDrafter, Tongue
from voice.draft.verifier import Block, Identity, Verifier
from voice.draft.vocabulary import compare
from voice.llm.edge import EdgeChat, EdgeModel
from voice.llm.text import TextStream

CONNECT_WITHIN_S = 0.15
"""A reply waits so long for the verifier's connection, then begins without it."""
AGAIN_AFTER_S = 1.0
"""A verifier that could not be reached is not tried again before."""

REMEMBERED_NOTICES = 64

_log = logging.getLogger(__name__)
Connect = Callable[[], Awaitable[Verifier]]
Notify = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a verifier, and how it is spoken to: not at all where there is no ``tongue``, and ``why``."""

    verifier: Verifier
    tongue: Tongue | None
    why: str = ""


class DraftedModel:
    """What the conversations of a process share: the edge model, what was learnt, and how to reach the verifier.

    Args:
        edge: the model that drafts; its owner closes it.
        config: see :class:`~voice.core.config.DraftConfig`.
        connect: opens a verifier's session, one for each conversation. Raises :class:`~voice.core.errors.VerifierError`.
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
        self.own = own_tongue(edge)
        self.tongues = TargetTokenizers(edge.config, config.tokenizer)
        self._controllers: dict[str, Controller] = {}
        self._told: set[str] = set()
        self.leaving = LeavingTasks()
        """Connections that are being closed behind their conversation."""

    def open(self, *, plain: Chat | None = None, alone: bool = True) -> "DraftedChat":
        """Begin a conversation.

        Args:
            plain: answers where drafting is impossible because the models do not match (the cloud's own chat); the edge
                where there is none. Closed with the conversation.
            alone: whether the edge answers where the verifier cannot; otherwise replies raise
                :class:`~voice.core.errors.VerifierError`.

        Raises:
            ChatBusy: all slots of the edge model are taken.
        """
        return DraftedChat(self, self.edge.open(), plain, alone=alone)

    def close(self) -> None:
        """Free the tokenizers of verifiers. The conversations must have been closed. May be called again."""
        self.tongues.close()

    async def match(self, verifier: Verifier) -> Session:
        """Find out how to draft for a verifier; what is out of the ordinary is told once."""
        trusted = self.config.same_vocabulary
        found = compare(self.identity, verifier.identity, trusted=trusted)
        if found.match == "token":
            return Session(verifier, self.own)
        tongue, problem = None, ""
        try:
            tongue = await self.tongues.of(verifier)
        except VerifierError as error:
            problem = f" ({error})"
        found = compare(self.identity, verifier.identity, trusted=trusted, tokenizer=tongue is not None)
        self.tell_once("drafting_by_text" if tongue else "no_drafting", found.why + problem)
        return Session(verifier, tongue, found.why + problem)

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

    def part_with(self, verifier: Verifier) -> None:
        """Close a verifier's connection, beside everything else."""
        if (closing := getattr(verifier, "aclose", None)) is not None:
            self.leaving.add(asyncio.get_running_loop().create_task(closing(), name="verifier farewell"))

    def tell_once(self, code: str, message: str) -> None:
        """A notice that does not repeat itself, unless so many others came since."""
        if message not in self._told:
            if len(self._told) >= REMEMBERED_NOTICES:
                self._told.clear()
            self._told.add(message)
            self.notify(code, message)


class DraftedChat:
    """One conversation. Its methods belong to one event loop."""

    def __init__(self, model: DraftedModel, edge: EdgeChat, plain: Chat | None, *, alone: bool = True) -> None:
        self._model = model
        self._edge = edge
        self._plain = plain
        self._alone = alone
        self._drafter: Drafter | None = None
        self._connecting: asyncio.Task[Session] | None = None
        self._not_before_s = 0.0
        self._skipped_turns = 0
        self.trace: dict[str, Any] = {}
        """What the last reply came to: by whom, the plan, the expected gain and the real one."""

    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int, prefix: str = "", kind: str = ""
    ) -> AsyncGenerator[Token, None]:
        """See :class:`~voice.core.interfaces.Chat`. ``kind`` of task is for the statistics and the plan."""
        session = await self._session()
        if session is None and not self._alone:
            raise VerifierError(self.trace.get("why", "the verifier cannot be had"))
        if session is None or session.tongue is None:
            chat, name = (self._plain, "plain") if self._plain is not None else (self._edge, "edge")
            self.trace = {"mode": name, "why": self.trace.get("why", "")}
            async for token in chat.reply(messages, max_tokens=max_tokens, prefix=prefix):
                yield token
            return
        tongue, verifier = session.tongue, session.verifier
        prompt = self._prompt(tongue, messages, max_tokens, prefix)
        self._drafter = self._drafter_for(tongue, messages, max_tokens, prefix, len(prompt))
        terms = self._terms(tongue, prompt, max_tokens, kind)
        reply = DraftedReply(self._drafter, verifier, self._model.controller(verifier.identity), terms)
        expected = reply.account.plan.gain
        text = TextStream(tongue.prompts.markers)
        tokens = reply.tokens()
        try:
            async for approved in tokens:
                if approved.token in tongue.ends or text.stopped:
                    break
                piece = text.feed(tongue.vocabulary.piece(approved.token))
                yield Token(piece, -1.0 if math.isnan(approved.logprob) else approved.logprob)
            if rest := text.end():
                yield Token(rest, 0.0)
        finally:
            await tokens.aclose()
            self._close_account(reply.account, verifier, kind, expected)
            self.trace |= {"matched": "tokens" if tongue.own else "text", "prompt": len(prompt)}

    async def prefill(self, messages: Sequence[Message]) -> None:
        """See :class:`~voice.core.interfaces.Chat`. On the edge only; see :meth:`warm`."""
        self._connect()
        await self._edge.prefill(messages)

    async def warm(self, messages: Sequence[Message]) -> None:
        """Let the verifier read a conversation ahead of time. Whoever calls it answers for its leaving the device."""
        session = await self._session()
        if session is not None and session.tongue is not None:
            prompt = self._prompt(session.tongue, messages, 1, "")
            try:
                await session.verifier.verify(Block(tuple(prompt)))
            except VerifierError as error:
                _log.info("the verifier was not warmed up: %s", error)

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """See :class:`~voice.core.interfaces.Chat`."""
        return await self._edge.end_of_turn_probability(messages)

    def close(self) -> None:
        """See :class:`~voice.core.interfaces.Chat`. The verifier's connection is closed beside it."""
        if self._drafter is not None:
            self._drafter.stop()
        self._edge.close()
        if self._plain is not None:
            self._plain.close()
        self._drop()

    async def aclose(self) -> None:
        """:meth:`close`, and wait for the connection's end."""
        self.close()
        await self._model.leaving.ended()

    def verifier_identity(self) -> Identity | None:
        """Who verifies; None while nobody does. Begins to connect."""
        self._connect()
        task = self._connecting
        if task is None or not task.done() or task.cancelled() or task.exception() or task.result().tongue is None:
            return None
        return task.result().verifier.identity

    # --- the verifier --------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Begin to connect if there is no use of what is there."""
        task = self._connecting
        if (
            task is not None
            and task.done()
            and (task.cancelled() or task.exception() or getattr(task.result().verifier, "broken", False))
        ):
            self._drop()
        if self._connecting is None and asyncio.get_running_loop().time() >= self._not_before_s:
            self._connecting = asyncio.create_task(self._open_verifier(), name="verifier-connect")
            self._connecting.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _open_verifier(self) -> Session:
        with mapped(VerifierError, "the verifier cannot be used"):
            verifier = await self._model.connect()
            try:
                return await self._model.match(verifier)
            except BaseException:
                self._model.part_with(verifier)
                raise

    async def _session(self) -> Session | None:
        """A verifier that may be drafted for; None says why in the trace."""
        self._connect()
        if self._connecting is None:
            return None
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                session = await asyncio.shield(self._connecting)
        except TimeoutError:
            self.trace = {"why": "the verifier is not connected yet"}
            return None
        except VerifierError as error:
            self.trace = {"why": str(error)}
            self._not_before_s = asyncio.get_running_loop().time() + AGAIN_AFTER_S
            self._model.tell_once("verifier_failed", str(error))
            return None
        if session.tongue is None:
            self.trace = {"why": session.why}
            return None
        return session

    def _drop(self) -> None:
        task, self._connecting = self._connecting, None
        if task is None:
            return
        if not task.done():
            task.cancel()
            self._model.leaving.add(task)
        elif not task.cancelled() and task.exception() is None:
            self._model.part_with(task.result().verifier)

    # --- one reply -----------------------------------------------------------------------------------------------------------

    def _prompt(self, tongue: Tongue, messages: Sequence[Message], max_tokens: int, prefix: str) -> list[int]:
        """All that comes before the reply, in one model's tokens."""
        if tongue.own:
            tokens = self._edge.prompt_tokens(messages, max_tokens=max_tokens)
        else:
            reserve = max(max_tokens, self._model.edge.config.max_reply_tokens)
            prompt, self._skipped_turns = tongue.prompts.prompt(messages, skip_turns=self._skipped_turns, reply_tokens=reserve)
            tokens = prompt.tokens
        return [*tokens, *tongue.prompts.words(prefix)]

    def _drafter_for(
        self, tongue: Tongue, messages: Sequence[Message], max_tokens: int, prefix: str, target_tokens: int
    ) -> Drafter:
        """Whoever drafts this reply. One at a time: they share the conversation's cache."""
        model, context_tokens = self._model, self._model.edge.config.context_tokens
        if tongue.own:
            if not isinstance(self._drafter, EdgeDrafter):
                self._drafter = EdgeDrafter(self._edge, context_tokens=context_tokens, sampling=model.sampling)
            return self._drafter
        if not isinstance(self._drafter, TextDrafter) or self._drafter.target is not tongue:
            self._drafter = TextDrafter(EdgeDrafter(self._edge, context_tokens=context_tokens), model.own, tongue)
        self._drafter.prompted(self._prompt(model.own, messages, max_tokens, prefix), target_tokens)
        return self._drafter

    def _terms(self, tongue: Tongue, prompt: list[int], max_tokens: int, kind: str) -> ReplyOptions:
        config = self._model.config
        room = self._model.edge.config.context_tokens - 1 - len(prompt)

        def whole_words(tokens: Sequence[int]) -> int:
            starts = [i for i, token in enumerate(tokens) if i and tongue.vocabulary.piece(token)[:1] in (b" ", b"\n")]
            return starts[-1] if starts else 0

        return ReplyOptions(
            tuple(prompt),
            min(max_tokens, room),
            ends=tongue.ends.__contains__,
            whole_words=whole_words,
            sampling=self._model.sampling,
            kind=kind,
            deadline_ms=config.deadline_ms if config.promise == "eager" else None,
            patience_ms=config.patience_ms,
            alone=self._alone,
        )

    def _close_account(self, account: DraftTally, verifier: Verifier, kind: str, expected: float) -> None:
        who, model = verifier.identity, self._model
        streamed_ms = model.controller(who).token.value_ms
        acceptance = account.acceptance
        self.trace = {
            "kind": kind,
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
            "rejected": account.rejected,
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
