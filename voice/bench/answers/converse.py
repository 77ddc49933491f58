"""One conversation, as a user has it: through a WebSocket, each reply listened to until it has been played."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from voice.bench.answers.cases import AnswerCase
from voice.bench.answers.heard import AnswerListener
from voice.bench.answers.spoken import SpokenQuestion
from voice.bench.answers.turns import AnsweredTurn, mark_repeats
from voice.client import VoiceClient
from voice.core.config import Config
from voice.core.errors import CloudError, VoiceError, mapped

ALONE_S = 120.0
"""So long the larger model may take for an answer when it is asked straight."""


async def converse(
    url: str,
    case: AnswerCase,
    number: int,
    *,
    repeat: int = 0,
    attempt: int = 0,
    spoken: Mapping[str, SpokenQuestion] | None = None,
    unpaced: Callable[[], int] = int,
) -> list[AnsweredTurn]:
    """Have the conversation of this number with the server at ``url``, over a connection of its own, for a user of its own.

    ``repeat`` counts how often it was had before, ``attempt`` how often it was tried in this round. ``spoken`` says how each
    turn sounds; without it they are typed. ``unpaced`` tells how many requests the stand-in for the cloud has computed so far.

    A conversation that breaks off has its error in the last of its turns.
    """

    def begun(place: int) -> AnsweredTurn:
        return AnsweredTurn(
            conversation=number, kind=case.kind, repeat=repeat, attempt=attempt, turn=place, said=case.turns[place]
        )

    turns: list[AnsweredTurn] = []
    user = f"bench answers {number} {repeat} {attempt}"  # what one user's timers ring, another does not hear
    try:
        async with VoiceClient(url, trace=True, user=user) as client:
            for place, said in enumerate(case.turns):
                turns.append(begun(place))
                before = unpaced()
                await _one_turn(client, turns[-1], None if spoken is None else spoken[said])
                turns[-1].unpaced = unpaced() - before
    except VoiceError as error:
        turns = turns or [begun(0)]
        turns[-1].error = str(error)
    return judged(case, turns)


async def _one_turn(client: VoiceClient, turn: AnsweredTurn, sound: SpokenQuestion | None) -> None:
    listener = AnswerListener(client.rate_hz, turn.said if sound is None else None)
    asked_s = client.clock.now_s() + (0.0 if sound is None else sound.speech_end_s)
    async for message in client.ask(turn.said if sound is None else sound.samples):
        listener.take(message)
    turn.understood = listener.understood
    turn.heard(listener.answer, asked_s)
    await asyncio.sleep(max(0.0, listener.plays_until_s - client.clock.now_s()))


def judged(case: AnswerCase, turns: list[AnsweredTurn]) -> list[AnsweredTurn]:
    """The turns of a conversation with its last reply judged, and repeated replies found (pure but for them)."""
    mark_repeats(turns)
    last = turns[-1]
    last.right = len(turns) == len(case.turns) and last.error is None and case.is_right(last.own)
    return turns


async def asked_straight(
    base_url: str, model: str, case: AnswerCase, number: int, config: Config, *, repeat: int = 0
) -> list[AnsweredTurn]:
    """Have a conversation with the larger model itself, as text: the same system prompt, the same bound on its answers.

    Raises:
        CloudError: it does not answer.
    """
    messages: list[dict[str, str]] = [{"role": "system", "content": config.llm.system_prompt}]
    turns: list[AnsweredTurn] = []
    prices = config.cloud
    with mapped(CloudError, f"{base_url} does not answer"):
        async with httpx2.AsyncClient(timeout=ALONE_S) as http:
            for place, said in enumerate(case.turns):
                messages.append({"role": "user", "content": said})
                asking = {"model": model, "messages": messages, "max_tokens": config.cloud.max_tokens, "temperature": 0.0}
                answer = await http.post(f"{base_url}/chat/completions", json=asking)
                answer.raise_for_status()
                found: dict[str, Any] = answer.json()
                text = str(found["choices"][0]["message"]["content"] or "").strip()
                messages.append({"role": "assistant", "content": text})
                turn = AnsweredTurn(conversation=number, kind=case.kind, repeat=repeat, turn=place, said=said)
                turn.reply = turn.own = text
                turn.no_answer = not text
                turn.tier, turn.words = (None, {}) if not text else ("large", {"large": len(text.split())})
                usage = found.get("usage") or {}
                paid = usage.get("prompt_tokens", 0) * prices.price_in + usage.get("completion_tokens", 0) * prices.price_out
                turn.cost = {"edge": 0.0, "cloud": paid / 1e6}
                turns.append(turn)
    return judged(case, turns)
