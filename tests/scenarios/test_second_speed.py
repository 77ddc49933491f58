"""Two speeds on the device: a small model opens, a larger one answers behind it; virtual time."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.engines import FakeChatModel, FakeCloud, Fakes
from tests.fakes.talk import Talk, talk
from tests.scenarios.test_tiers import OPENING, PRIVATE, QUESTION, about_spain, ask, longest_silence_s, own, router
from voice.core.config import Config, LlmConfig
from voice.core.interfaces import Message
from voice.reply.handover import BRIDGES, NOTICE_LATE, NOTICE_LOST, NOTICE_UNREACHED
from voice.reply.length import OFFER
from voice.reply.plan import GO_ON
from voice.reply.repeats import NOTHING_NEW
from voice.session import events as out

TRUTH = "the country south of France. It is large and sunny."


def larger(answer: str = TRUTH, **more: Any) -> FakeChatModel:
    more.setdefault("first_token_s", 0.4)
    return FakeChatModel(answer=lambda _: answer, goes_on=True, token_s=more.pop("token_s", 0.035), **more)


def fakes(large: FakeChatModel | None, **more: Any) -> Fakes:
    more.setdefault("chat_model", FakeChatModel(answer=about_spain, first_token_s=0.02))
    return Fakes(large=large, **more)


def typed(*texts: str) -> Any:
    async def script(user: Talk) -> None:
        for text in texts:
            user.conversation.push_text(text)
            await user.hush_until(out.ReplyEnded)

    return script


def test_the_small_model_opens_in_time_and_the_larger_one_answers() -> None:
    large = larger()
    user = talk(ask, fakes=fakes(large))
    assert user.record["own_words_ms"] <= 300
    assert user.record["heard_text"] == f"{OPENING} {TRUTH}"
    assert user.record["answer"]["words"] == [["edge", 4], ["large", 10]]
    assert user.record["answer"]["bridges"] == 0
    assert user.record["tier"] == "edge"
    assert large.prefixes == [OPENING]
    assert longest_silence_s(user) <= 0.25
    assert user.fakes.large is large
    assert large.open_chats == 0


def test_it_reads_while_the_user_speaks() -> None:
    large = larger()
    talk(ask, fakes=fakes(large))
    read = [messages[-1].text for messages in large.prefills]
    assert read[:2] == ["Please tell", "Please tell me"]
    assert read[-1] == "What"  # ahead of the next turn


def test_private_words_have_its_answer_too() -> None:
    cloud = FakeCloud()
    large = larger("a fine number.")
    user = talk(typed(PRIVATE), fakes=fakes(large, cloud=cloud, router=router()))
    assert str(user.record["heard_text"]).endswith("a fine number.")
    assert not cloud.requests


def test_the_cloud_comes_first_and_it_steps_in_where_the_cloud_fails() -> None:
    large, cloud = larger(), FakeCloud(fails_after=0)
    user = talk(ask, fakes=fakes(large, cloud=cloud, router=router()))
    assert user.record["heard_text"] == f"{OPENING} {TRUTH}"
    assert user.record["answer"]["notice"] is None
    assert user.record["cloud"]["fallback"] == "cloud_unreachable"
    healthy = FakeCloud()
    user = talk(ask, fakes=fakes(larger(), cloud=healthy, router=router()))
    assert user.record["heard_text"] == f"{OPENING} {healthy.answer}"


@pytest.mark.parametrize("stalls_after", [0, 2, 6])
def test_one_that_stalls_is_given_up_for_the_small_model_and_the_user_is_told(stalls_after: int) -> None:
    large = larger(stalls_after=stalls_after)
    user = talk(ask, fakes=fakes(large))
    heard = str(user.record["heard_text"])
    assert user.record["end_reason"] == "completed"
    assert (NOTICE_LOST if "country" in heard else NOTICE_LATE) in heard
    assert longest_silence_s(user) <= 0.5
    if stalls_after == 0:
        assert own(user) == about_spain([Message("user", QUESTION)])


def test_one_that_fails_is_no_dead_air() -> None:
    user = talk(ask, fakes=fakes(larger(failing_after=0)))
    assert NOTICE_UNREACHED in str(user.record["heard_text"])
    assert own(user) == about_spain([Message("user", QUESTION)])


def test_without_it_the_small_model_answers_alone() -> None:
    user = talk(ask, fakes=fakes(None))
    assert user.record["heard_text"] == about_spain([Message("user", QUESTION)])
    assert user.record["answer"]["words"] == [["edge", 28]]


def test_nothing_to_open_with_is_bridged_and_answered() -> None:
    user = talk(typed("sing for me"), fakes=fakes(larger("A horse walks into a bar."), chat_model=FakeChatModel()))
    assert user.record["heard_text"] == f"{BRIDGES[0]} A horse walks into a bar."
    assert user.record["own_words_ms"] < 1500


def test_a_larger_model_that_has_nothing_to_add_to_the_opening_answers_by_itself() -> None:
    large = FakeChatModel(answer=lambda _: ".", goes_on=True)
    asked = "i'd like a black coffee please"

    def answer(_: Sequence[Message]) -> str:
        return "." if large.prefixes[-1] else "I have no coffee here."

    large.answer = answer
    user = talk(typed(asked), fakes=fakes(large, chat_model=FakeChatModel(answer=lambda _: "I'm sorry about that.")))
    assert user.record["heard_text"] == "You would like a black coffee I have no coffee here."


def test_who_goes_on_takes_its_answer_back() -> None:
    async def script(user: Talk) -> None:
        await user.say("tell me more about spain")
        await user.hush(0.25)
        await user.say("and its population")
        await user.hush_until(out.ReplyEnded)

    large = larger()
    user = talk(script, fakes=fakes(large))
    assert user.record["user_text"] == "Tell me more about spain and its population."
    assert large.requests[-1][-1].text == user.record["user_text"]


# --- conversations that do not degenerate ------------------------------------------------------------------------------------

JOKE = "What's the most ridiculous joke you've ever heard?"


def test_what_was_said_before_is_drawn_anew() -> None:
    def answer(_: Sequence[Message]) -> str:
        return JOKE

    chat_model = FakeChatModel(answer=answer, answer_anew=lambda _: "The capital is Madrid.")
    user = talk(typed("tell me a joke", "what is the capital of spain"), fakes=Fakes(chat_model=chat_model))
    first, second = (str(event.record["heard_text"]) for event in user.all(out.TurnTraced))
    assert (first, second) == (JOKE, "The capital is Madrid.")
    assert chat_model.drawn_anew == 1
    assert user.record["answer"]["anew"] == "earlier"


def test_who_has_nothing_new_to_say_says_so() -> None:
    user = talk(
        typed("tell me a joke", "what is the capital of spain"), fakes=Fakes(chat_model=FakeChatModel(answer=lambda _: JOKE))
    )
    assert user.record["heard_text"] == NOTHING_NEW


def test_the_larger_model_does_not_repeat_itself_either() -> None:
    def answer(_: Sequence[Message]) -> str:
        return JOKE

    large = FakeChatModel(answer=answer, answer_anew=lambda _: "It is Madrid.", goes_on=True)
    user = talk(typed("sing for me", "what is the capital of spain"), fakes=fakes(large, chat_model=FakeChatModel()))
    assert "It is Madrid." in str(user.record["heard_text"])
    assert JOKE not in str(user.record["heard_text"])


def test_an_answer_that_is_asked_for_again_is_given_again() -> None:
    chat_model = FakeChatModel(answer=lambda _: "The capital of Spain is Madrid.")
    question = "what is the capital of spain"
    user = talk(typed(question, "tell me the capital of spain", question), fakes=Fakes(chat_model=chat_model))
    heard = [event.record["heard_text"] for event in user.all(out.TurnTraced)]
    assert heard == ["The capital of Spain is Madrid."] * 3


def test_a_reply_that_goes_round_in_circles_ends() -> None:
    loop = "It is a fine and sunny day in the south. " * 5
    user = talk(typed("how is it"), fakes=Fakes(chat_model=FakeChatModel(answer=lambda _: loop.strip())))
    assert user.record["heard_text"] == "It is a fine and sunny day in the south."


LONG = " ".join(f"Sentence number {word} is here." for word in "one two three four five six seven eight nine ten".split())


def test_a_reply_that_meets_its_limit_ends_at_a_sentence_and_yes_goes_on() -> None:
    config = Config(llm=LlmConfig(max_reply_tokens=30))
    large = larger(LONG)
    user = talk(typed("count the sentences", "yes please"), fakes=fakes(large, chat_model=FakeChatModel()), config=config)
    first = str(user.all(out.TurnTraced)[0].record["heard_text"])
    assert first.endswith(f"is here. {OFFER}")
    assert large.requests[-1][-1] == Message("user", GO_ON)


def test_no_to_the_offer_ends_it() -> None:
    config = Config(llm=LlmConfig(max_reply_tokens=30))
    user = talk(typed("count the sentences", "no thanks"), fakes=fakes(larger(LONG), chat_model=FakeChatModel()), config=config)
    assert user.record["heard_text"] == "All right."
