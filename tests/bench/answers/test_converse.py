"""Conversations over real sockets, with a server and an endpoint that say what the test tells them."""

from typing import Any

import numpy as np
import pytest

from tests.fakes.conversation import FakeConversation, House
from tests.fakes.http import Exchange, http_server
from voice.bench.answers.cases import AnswerCase
from voice.bench.answers.converse import asked_straight, converse
from voice.bench.answers.spoken import SpokenQuestion
from voice.bench.answers.turns import AnsweredTurn
from voice.core.config import Config, ServerConfig
from voice.core.config import load as load_config
from voice.core.errors import CloudError
from voice.server.websocket import VoiceServer
from voice.session import events as out

RATE_HZ = 22_050
CASE = AnswerCase("context", ("I live in Toronto.", "Which city?", "Which city?"), "toronto", "paris")


class Short(FakeConversation):
    """Answers with two clauses of a hundredth of a second, the first of which is a filler."""

    def _answer(self, text: str) -> None:
        turn, sound = self._turn, np.full(RATE_HZ // 100, 0.3, dtype=np.float32)
        self.emit(out.FinalTranscript(turn, text))
        for clause in ("Well,", "Toronto, I think."):
            self.emit(out.ReplyText(turn, clause))
            self.emit(out.ReplyAudio(turn, sound, RATE_HZ))
        self.emit(out.ReplyEnded(turn, "completed"))
        self.emit(out.TurnTraced(turn, {"reply_text": "Toronto, I think.", "filler": True, "cost": {"edge": 0.5}}))


class Refusing(Short):
    """Has had enough at the second typed turn."""

    def push_text(self, text: str) -> None:
        super().push_text("too much" if self.typed else text)


async def had(kind: type[FakeConversation] = Short, **more: Any) -> tuple[list[AnsweredTurn], list[FakeConversation]]:
    opened: list[FakeConversation] = []

    def open_one() -> FakeConversation:
        opened.append(kind())
        return opened[-1]

    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(open_one)
        return await converse(server.url, CASE, 4, **more), opened


async def test_a_conversation_is_one_connection_and_all_its_turns() -> None:
    asked = iter(range(100))
    turns, opened = await had(repeat=2, attempt=1, unpaced=lambda: next(asked))
    assert [turn.said for turn in turns] == list(CASE.turns)
    assert [one.typed for one in opened] == [list(CASE.turns)]
    assert opened[0].labels == [("bench answers 4 2 1", "")]
    assert [turn.own for turn in turns] == ["Toronto, I think."] * 3
    assert [turn.repeats for turn in turns] == [False, True, True]
    assert [turn.right for turn in turns] == [None, None, True]
    assert [turn.unpaced for turn in turns] == [1, 1, 1]
    for turn in turns[:3]:
        assert turn.first_sound_ms is not None
        assert turn.own_words_ms is not None
        assert turn.own_words_ms > turn.first_sound_ms
        assert turn.cost == {"edge": 0.5, "cloud": 0.0}


async def test_what_breaks_off_is_wrong_and_says_why() -> None:
    turns, _ = await had(Refusing)
    assert len(turns) == 2
    assert turns[-1].right is False
    assert "too many" in (turns[-1].error or "")


async def test_a_server_that_is_not_there_is_one_wrong_conversation() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House())
        url = server.url
    turns = await converse(url, CASE, 0)
    assert [(turn.right, bool(turn.error)) for turn in turns] == [(False, True)]


async def test_a_turn_can_be_spoken() -> None:
    sound = np.full(3200, 0.3, dtype=np.float32)
    case = AnswerCase("fact", ("Where?",), "toronto")
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(Short)
        (turn,) = await converse(server.url, case, 0, spoken={"Where?": SpokenQuestion(sound, 0.2)})
    assert turn.understood == "a sound"
    assert turn.right
    assert turn.first_sound_ms is not None
    assert turn.first_sound_ms > 150  # the fake answers behind 0.2 s of silence


def config() -> Config:
    return load_config(None, ["cloud.max_tokens=40", "cloud.price_in=1.0", "cloud.price_out=2.0", "llm.system_prompt=Be kind."])


async def test_the_large_model_is_asked_with_its_own_replies_before_it() -> None:
    async def script(exchange: Exchange) -> None:
        said = exchange.json["messages"][-1]["content"]
        body = {
            "choices": [{"message": {"content": f" {said} Toronto. "}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        }
        await exchange.status(200, body=str(body).replace("'", '"').encode())

    async with http_server(script) as server:
        turns = await asked_straight(server.base_url, "m", CASE, 3, config())
    last = server.requests[-1].json
    assert [message["role"] for message in last["messages"]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert last["messages"][0]["content"] == "Be kind."
    assert last["messages"][2]["content"] == "I live in Toronto. Toronto."
    assert (last["max_tokens"], last["temperature"], last["model"]) == (40, 0.0, "m")
    assert [turn.right for turn in turns] == [None, None, True]
    assert turns[1].repeats is False
    assert turns[2].repeats is True
    assert turns[0].cost == {"edge": 0.0, "cloud": pytest.approx(20e-6)}
    assert (turns[0].tier, turns[0].own_words_ms) == ("large", None)


async def test_a_large_model_that_does_not_answer_is_an_error() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.status(500)

    async with http_server(script) as server:
        with pytest.raises(CloudError, match="does not answer"):
            await asked_straight(server.base_url, "m", CASE, 0, config())
