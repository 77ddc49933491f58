"""A conversation of two hundred messages in which something private was said: no callback keeps the loop for 20 ms.

``talk`` watches every callback of every scenario; this one has the most to search.
"""

import pytest

from tests.fakes.engines import FakeCloud, Fakes
from tests.fakes.talk import Talk, talk
from tests.scenarios.test_tiers import PRIVATE, QUESTION, router
from voice.session import events as out

TURNS = 100


@pytest.mark.slow
def test_a_private_history_of_two_hundred_messages_blocks_nobody() -> None:
    cloud = FakeCloud(answer="so it was.", first_token_s=0.05, token_s=0.005)

    async def script(user: Talk) -> None:
        user.conversation.push_text(PRIVATE)
        await user.hush_until(out.ReplyEnded)
        for number in range(TURNS):
            user.conversation.push_text(f"why did the roman empire fall in part {number} of the book")
            await user.hush_until(out.ReplyEnded)
        await user.say(QUESTION)
        await user.hush_until(out.ReplyEnded)

    user = talk(script, fakes=Fakes(router=router(redact=("phone", "digits")), cloud=cloud))
    messages, _ = cloud.requests[-1]
    assert len(messages) >= 2 * TURNS * 0.9  # nearly all of it goes out
    assert user.record["tier"] == "cloud"
    assert "five six seven eight nine" not in " ".join(message.text for message in messages)
