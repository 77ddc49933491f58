"""The page in a real Chromium: with the real models for what it is for, with a scripted conversation for what goes wrong."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.fakes.conversation import FakeConversation, House
from tests.fakes.engines import FakeChatModel
from tests.web.browser import TAP_WORKLET, heard, page_at, speak, violations
from voice.audio.files import read_audio
from voice.client import ReplyPosition
from voice.core.config import Config, LlmConfig, ServerConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.engines import Engines
from voice.models import locate
from voice.protocol import messages as m
from voice.reply.handover import BRIDGES
from voice.server import pages
from voice.server.websocket import VoiceServer
from voice.session import events as out
from voice.session.conversation import Conversation

if TYPE_CHECKING:
    from playwright.async_api import Page, WebSocketRoute

pytestmark = pytest.mark.needs("chromium")
PLAYING = "document.documentElement.dataset.playing === 'true'"
LISTENING = "document.querySelector('#activity').textContent.startsWith('listening')"
SILENT = "document.documentElement.dataset.playing === 'false'"
RECORD = {
    "offsets_ms": {
        "speech_start": -1500.0, "speech_end": 0.0, "vad_silence": 70.0, "asr_final": 120.0, "route": -100.0,
        "llm_first_token": 150.0, "first_clause": 200.0, "tts_first_audio": 225.0, "first_audio_sent": 235.0,
        "last_audio_sent": 900.0,
    },
    "stages_ms": {"asr": 90.0, "route": 1.5, "llm_first_token": 30.0, "llm_clause": 50.0, "tts_first_audio": 25.0},
    "marks": {"speech_end": 1000.0}, "deadline": 1300.0, "ttfa_ms": 235.0, "tier": "edge",
}  # fmt: skip
SECRET = "open sesame, schöne Höhle €"
FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(autouse=True)
def _tap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tap's worklet is served beside the page's own: a script from elsewhere is not allowed there."""
    pages.load()
    monkeypatch.setitem(pages._table(), "/web/tap.js", pages._File(TAP_WORKLET, "text/javascript"))


def speech() -> Samples:
    """“It was the best of times, it was the worst of times.”"""
    return read_audio(locate("samples").parent / "two_cities.wav")[: int(4.5 * SAMPLE_RATE_HZ)]


@asynccontextmanager
async def visited(
    house: House | None = None, *, settings: dict[str, Any] | None = None, host: str = "127.0.0.1", **options: Any
) -> "AsyncIterator[tuple[Page, House]]":
    """A page in front of a server whose conversations are scripted."""
    house = house or House()
    async with VoiceServer(ServerConfig(port=0, **(settings or {}))) as server:
        server.open_with(house)
        async with page_at(server.page_url.replace("127.0.0.1", host), **options) as page:
            yield page, house


async def until(true: Callable[[], Coroutine[Any, Any, bool]], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not await true():
            await asyncio.sleep(0.02)


async def holds(page: "Page", expression: str, within_s: float = 10.0) -> None:
    """Wait until a JavaScript expression is true. Playwright's own wait needs eval(), which the page's policy forbids."""

    async def true() -> bool:
        return bool(await page.evaluate(expression))

    await until(true, within_s)


async def shown(page: "Page", text: str) -> None:
    await page.get_by_text(text).first.wait_for()


async def type_in(page: "Page", text: str) -> None:
    await page.get_by_label("Type instead").fill(text)
    await page.keyboard.press("Enter")


# --- what it is for ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def at_the_real_one(answer: str = "") -> "AsyncIterator[tuple[Page, Engines]]":
    """A page in front of a server with the real models; the language model always says ``answer``, if one is given."""
    engines = await asyncio.to_thread(Engines.load, Config(llm=LlmConfig(large="")))
    used = dataclasses.replace(engines, chat_model=FakeChatModel(answer=lambda _: answer)) if answer else engines
    try:
        async with VoiceServer(ServerConfig(port=0)) as server:
            server.open_with(lambda: Conversation(used, Config()))
            async with page_at(server.page_url, microphone=True) as page:
                yield page, engines
    finally:
        await engines.aclose()


@pytest.mark.real
async def test_talk_to_it_and_hear_it_answer() -> None:
    async with at_the_real_one() as (page, engines):
        await _talk(page, engines)


@pytest.mark.real
async def test_talk_over_it_and_it_stops() -> None:
    """However slow the machine is: the reply is long, and the user goes on until it stops."""
    replies = "document.querySelectorAll('.turn .agent:not(:empty)').length"
    watch = f"new MutationObserver(() => seen.push([document.documentElement.dataset.playing, {replies}]))"
    async with at_the_real_one(" ".join(["It goes on and on, as you will hear in a moment."] * 30)) as (page, _):
        await page.evaluate(f"window.seen = []; {watch}.observe(document.documentElement, {{ attributes: true }})")
        await page.get_by_role("button", name="Talk").click()
        await holds(page, LISTENING)
        await type_in(page, "Tell me a story.")
        await holds(page, PLAYING, within_s=30)
        await speak(page, np.tile(speech(), 3))
        await page.get_by_text("interrupted").first.wait_for(timeout=60_000)
        await holds(page, f"{replies} >= 2", within_s=60)
        assert ["false", 1] in await page.evaluate("window.seen"), "it fell silent before it answered"
        assert "times" in (await page.locator(".turn .user").nth(1).inner_text()).lower()


async def _talk(page: "Page", engines: Engines) -> None:
    for _ in range(5):  # the conversation, the examples, Talk
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await holds(page, LISTENING)
    await speak(page, speech())
    await holds(page, "document.querySelector('main').textContent.includes('It was the best')", within_s=30)
    await page.locator("table.waterfall").wait_for(timeout=60_000)
    assert "best of times" in (await page.locator(".user").first.inner_text()).lower()
    reply = await page.locator(".agent").first.inner_text()
    assert reply

    await holds(page, SILENT)
    audio = await heard(page)
    loud = np.flatnonzero(np.abs(audio) > 0.02)
    assert loud.size > SAMPLE_RATE_HZ / 10
    spoken = audio[max(0, loud[0] - 1600) : loud[-1] + 1600]
    words = (await engines.recognizer.transcribe(spoken)).text.lower()
    expected = {word.strip(".,!?") for word in reply.lower().split()}
    assert len(expected & {word.strip(".,!?") for word in words.split()}) >= len(expected) / 2, (reply, words)

    stages = [await row.inner_text() for row in await page.locator("table.waterfall tbody th").all()]
    assert {"You speak", "Recognition", "Synthesis", "Reply"} <= set(stages)
    assert "First token" in stages or reply.startswith(BRIDGES)  # a machine with much else to do asks for a moment first
    assert await page.locator("table.waterfall .tick.promised").inner_text() == "300 ms"
    badges = await page.locator(".badge").all_inner_texts()
    assert badges[0] == "edge"
    assert "of 300" in badges[1] or "300" in badges[1]
    assert any("USD" in badge for badge in badges)
    assert await violations(page) == []


# --- what comes out of the loudspeaker ----------------------------------------------------------------------------------------


async def test_the_reply_is_played_without_gaps_and_stops_at_once_on_clear() -> None:
    seconds = 21.0
    tone = (0.3 * np.sin(2 * np.pi * 400 * np.arange(int(seconds * 24000)) / 24000)).astype(np.float32)
    async with visited() as (page, house):
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        await holds(page, SILENT)
        await asyncio.sleep(0.3)  # the tap hands over 43 ms at a time
        conversation = house.conversations[0]
        before = (await heard(page)).size
        conversation.emit(out.ReplyText(2, "A long tone."))
        for at in range(0, 24000, 960):  # 40 ms each, much faster than real time
            conversation.emit(out.ReplyAudio(2, tone[at : at + 960], 24000))
        conversation.emit(out.ReplyEnded(2, "completed"))
        await holds(page, PLAYING)
        await holds(page, SILENT)
        await asyncio.sleep(0.3)
        first = (await heard(page))[before:]
        loud = np.abs(first) > 0.02
        begin, end = np.flatnonzero(loud)[[0, -1]]
        assert (end - begin) / SAMPLE_RATE_HZ == pytest.approx(1.0, abs=0.02)
        frames = np.abs(first[begin : end - 200])
        assert frames[: frames.size // 160 * 160].reshape(-1, 160).max(axis=1).min() > 0.25  # no gap of 10 ms

        conversation.emit(out.ReplyText(3, "A longer tone."))
        for at in range(24000, tone.size, 960):
            conversation.emit(out.ReplyAudio(3, tone[at : at + 960], 24000))
        await holds(page, PLAYING)
        conversation.emit(out.ReplyPaused(3))
        await until(lambda: _reports(conversation, turn=3, clears=1))
        played_s = conversation.reports[-1][1] / 1000
        conversation.emit(out.AudioCleared(3, "A longer"))
        await asyncio.sleep(0.5)
        rest = (await heard(page))[before + begin + SAMPLE_RATE_HZ + 1600 :]
        beyond = np.flatnonzero(np.abs(rest) > 0.02)
        assert (beyond[-1] - beyond[0]) / SAMPLE_RATE_HZ == pytest.approx(played_s, abs=0.03)  # of 20 s that were on their way
        assert np.abs(np.diff(rest)).max() < 0.1  # faded, no click
        await shown(page, "not heard:")
        assert (await page.locator(".agent s").inner_text()).endswith("tone.")
        assert all(turn in {1, 2, 3} and 0 <= ms <= 20_000 for turn, ms in conversation.reports)
        assert conversation.reports


def _emit_tone(conversation: FakeConversation, turn: int, *, seconds: float) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 400 * np.arange(int(seconds * 24000)) / 24000)).astype(np.float32)
    for at in range(0, tone.size, 960):
        conversation.emit(out.ReplyAudio(turn, tone[at : at + 960], 24000))


@pytest.mark.parametrize(
    "rates", [(48000, 24000), (44100, 24000), (24000, 48000), (24000, 44100), (24000, 24000), (96000, 24000)]
)
async def test_resampling_is_clean(rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    async with visited() as (page, _):
        got = await page.evaluate(
            """async ([from, to]) => {
                 const { Resampler } = await import("/web/resample.js");
                 const run = (frequency) => {
                   const resampler = new Resampler(from, to), made = [];
                   const step = (2 * Math.PI * frequency) / from;
                   for (let at = 0; at < from; at += 128) {
                     const piece = Float32Array.from({ length: 128 }, (_, i) => Math.sin(step * (at + i)));
                     made.push(...resampler.push(piece));
                   }
                   return made;
                 };
                 return [run(1000), run(from > to ? 14000 : 1000)];
               }""",
            [from_hz, to_hz],
        )
    tone = np.array(got[0])
    assert tone.size == pytest.approx(to_hz, abs=200)
    wanted = np.sin(2 * np.pi * 1000 * np.arange(tone.size) / to_hz)
    error = (tone - wanted)[100:-100]
    assert 10 * np.log10(np.mean(error**2) / 0.5) < -60
    if from_hz > to_hz:  # a tone above the new band must not fold into it
        assert np.abs(np.array(got[1])[200:-200]).max() < 0.003


COUNTED = [
    ({"type": "transcript", "role": "user", "turn": 1}, 0, 0),
    ({"type": "transcript", "role": "agent", "turn": 1}, 0, 0),
    ({"type": "clear", "turn": 1, "heard": ""}, 500, 0),
    ({"type": "turn_reopened", "turn": 1}, 500, 0),
    ({"type": "transcript", "role": "agent", "turn": 1}, 500, 0),
    ({"type": "transcript", "role": "agent", "turn": 1}, 600, 200),
    ({"type": "clear", "turn": 1}, 700, 4),
    ({"type": "pause", "turn": 1}, 704, 0),
    ({"type": "resume", "turn": 1}, 704, 0),
    ({"type": "resume", "turn": 1, "ms": 150.0}, 704, 0),
    ({"type": "transcript", "role": "agent", "turn": 2}, 900, 100),
    ({"type": "clear", "turn": 3, "heard": ""}, 1000, 0),
    ({"type": "transcript", "role": "agent", "turn": 3}, 1000, 0),
]
"""What the server says, and the milliseconds that were played and that wait as it is obeyed."""


async def test_what_was_played_is_counted_as_the_python_client_counts_it() -> None:
    position, expected = ReplyPosition(1000), []
    for message, played, waiting in COUNTED:
        fields = {"text": "", "final": True} if message["type"] == "transcript" else {}
        position.take(msgspec.convert({**fields, **message}, m.AnyServerMessage), played, waiting)
        report = position.report(played + waiting)
        expected.append(None if report is None else [report.turn, report.ms, report.clears])
    async with visited() as (page, _):
        got = await page.evaluate(
            """async (script) => {
                 const { ReplyPosition } = await import("/web/position.js");
                 const position = new ReplyPosition(1000);
                 return script.map(([message, played, waiting]) => {
                   position.take(message, played, waiting);
                   const report = position.report(played + waiting);
                   return report && [report.turn, report.ms, report.clears];
                 });
               }""",
            [list(row) for row in COUNTED],
        )
    assert got == expected
    assert expected[:6] == [None, [1, 0, 0], [1, 500, 1], None, [1, 0, 1], [1, 300, 1]]


async def test_the_page_says_at_once_what_it_played_when_a_reply_is_held_and_begins_anew_when_it_is_void() -> None:
    async with visited() as (page, house):
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        conversation = house.conversations[0]
        conversation.emit(out.ReplyText(2, "A long tone."))
        _emit_tone(conversation, 2, seconds=10.0)
        await until(lambda: _reports(conversation, turn=2, clears=0))
        conversation.emit(out.ReplyPaused(2))
        await until(lambda: _reports(conversation, turn=2, clears=1))
        held_ms = conversation.reports[-1][1]
        assert held_ms >= max(ms for turn, ms in conversation.reports[:-1] if turn == 2)
        conversation.emit(out.ReplyResumed(2, held_ms))
        _emit_tone(conversation, 2, seconds=10.0)
        await until(lambda: _reports(conversation, turn=2, clears=1, above_ms=held_ms + 300))
        conversation.emit(out.AudioCleared(2, ""))
        conversation.emit(out.TurnReopened(2))
        conversation.emit(out.ReplyText(2, "Another."))
        _emit_tone(conversation, 2, seconds=10.0)
        await until(lambda: _reports(conversation, turn=2, clears=2))
        counted = zip(conversation.reports, conversation.clears, strict=True)
        assert next(ms for (_, ms), clears in counted if clears == 2) < held_ms + 300


async def _reports(conversation: FakeConversation, *, turn: int, clears: int, above_ms: float = 0.0) -> bool:
    """Whether the newest report is of this turn, after so many clears, of more than so much."""
    newest = zip(conversation.reports[-1:], conversation.clears[-1:], strict=True)
    return any(at == turn and ms > above_ms and count == clears for (at, ms), count in newest)


# --- what goes wrong --------------------------------------------------------------------------------------------------------


async def test_the_microphone_is_refused_and_typing_still_works() -> None:
    async with visited(flags=["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"]) as (page, _):
        await page.get_by_role("button", name="Talk").click()
        await shown(page, "The microphone was refused.")
        assert await page.get_by_role("button", name="Talk").get_attribute("aria-pressed") == "false"
        assert await violations(page) == []
        await type_in(page, "hello")
        await shown(page, "You said hello.")


async def test_there_is_no_microphone() -> None:
    async with visited() as (page, _):
        await page.get_by_role("button", name="Talk").click()
        await shown(page, "No microphone was found.")


async def test_the_page_is_not_from_a_secure_place() -> None:
    async with visited(
        settings={"token": "sesame"}, flags=["--host-resolver-rules=MAP house.example 127.0.0.1"], host="house.example"
    ) as (page, _):
        await shown(page, "Browsers open microphone and loudspeaker only for https pages")
        await type_in(page, "hello")
        await page.get_by_label("This server asks for its token").fill("sesame")
        await page.keyboard.press("Enter")
        await shown(page, "You said hello.")


async def test_the_token_is_asked_for_and_kept_for_this_tab() -> None:
    async with visited(settings={"token": SECRET}, flags=FAKE_MICROPHONE) as (page, house):
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        page.on("websocket", lambda socket: addresses.append(socket.url))
        await page.get_by_role("button", name="Talk").click()
        box = page.get_by_label("This server asks for its token")
        await box.wait_for()
        await holds(page, "document.activeElement.id === 'token'")
        assert await violations(page) == []
        await box.fill("wrong")
        await page.keyboard.press("Enter")
        await shown(page, "That token was not accepted.")
        await box.fill(SECRET)
        await page.keyboard.press("Enter")
        await page.get_by_text("connected", exact=True).wait_for()
        assert not await box.is_visible()
        await page.reload()
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        assert len(house.conversations) == 2
        assert any(address.startswith("ws:") for address in addresses)
        assert any(address.startswith("http:") and "/ws" in address for address in addresses)
        assert not [address for address in (page.url, *addresses) if "token" in address or "sesame" in address]


async def test_the_server_goes_and_comes_back() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        server.open_with(House())
        async with page_at(server.page_url) as page:
            await type_in(page, "hello")
            await shown(page, "You said hello.")
            await server.__aexit__(None, None, None)
            await shown(page, "the server is shutting down")
            await shown(page, "The server does not answer.")
            assert await violations(page) == []
            async with VoiceServer(ServerConfig(port=server.port)) as again:
                again.open_with(House())
                await page.get_by_role("button", name="Try now").click()
                await shown(page, "A new conversation")
                assert await page.locator("#alert").inner_text() == ""
                await type_in(page, "again")
                await shown(page, "You said again.")


async def test_the_connection_breaks_in_mid_reply() -> None:
    async with VoiceServer(ServerConfig(port=0)) as server:
        house = House()
        server.open_with(house)
        async with page_at(server.page_url) as page:
            await type_in(page, "hello")
            await shown(page, "You said hello.")
            await holds(page, SILENT)
            house.conversations[0].emit(out.ReplyText(2, "A long story."))
            _emit_tone(house.conversations[0], 2, seconds=5.0)
            await holds(page, PLAYING)
            await server.__aexit__(None, None, None)
            await holds(page, SILENT, within_s=2.0)  # of 5 s that were on their way
            async with VoiceServer(ServerConfig(port=server.port)) as again:
                again.open_with(house)
                await shown(page, "A new conversation")  # it comes back by itself
                before = (await heard(page)).size
                await type_in(page, "again")
                await shown(page, "You said again.")
                await holds(page, PLAYING)
                await holds(page, SILENT)
                await asyncio.sleep(0.3)
                reply = (await heard(page))[before:]
                assert np.count_nonzero(np.abs(reply) > 0.02) / SAMPLE_RATE_HZ == pytest.approx(0.3, abs=0.08)
                assert await page.locator("#alert").inner_text() == ""


async def test_an_idle_page_leaves_unless_something_is_set_to_ring() -> None:
    async with visited() as (page, house):
        await page.clock.install()
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        conversation = house.conversations[0]
        conversation.emit(out.AlertsWaiting(1))
        conversation.emit(out.Notice("set", "A timer is set."))
        await shown(page, "A timer is set.")
        await page.clock.run_for(20 * 60 * 1000)
        assert await page.locator("#connection").inner_text() == "connected"
        conversation.emit(out.AlertsWaiting(0))
        conversation.emit(out.Notice("rung", "It has rung."))
        await shown(page, "It has rung.")
        await page.clock.run_for(4 * 60 * 1000)
        assert await page.locator("#connection").inner_text() == "connected"
        await page.clock.run_for(2 * 60 * 1000)
        await shown(page, "not connected")
        await asyncio.wait_for(conversation.ended.wait(), 10)


async def test_a_connection_that_died_in_a_sleep_is_made_again() -> None:
    async with visited() as (page, house):
        answers = True

        def pass_on(socket: "WebSocketRoute") -> None:
            server = socket.connect_to_server()
            socket.on_message(lambda message: server.send(message) if answers else None)

        await page.route_web_socket(re.compile("/ws"), pass_on)
        await page.clock.install()
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await type_in(page, "there")
        await shown(page, "You said there.")  # it was answered
        await page.clock.run_for(10_000)
        assert len(house.conversations) == 1
        answers = False
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.clock.run_for(5_100)
        await shown(page, "The connection was lost.")
        answers = True
        await page.clock.run_for(1_000)
        await shown(page, "A new conversation")
        assert len(house.conversations) == 2


async def test_two_pages_at_once() -> None:
    async with visited(flags=FAKE_MICROPHONE) as (page, house):
        other = await page.context.new_page()
        await other.goto(page.url)
        for one in (page, other):
            await one.bring_to_front()
            await one.get_by_role("button", name="Talk").click()
            await one.get_by_text("connected", exact=True).wait_for()
        await until(lambda: _hear(house, 2))
        await type_in(page, "first")
        await type_in(other, "second")
        await shown(page, "You said first.")
        await shown(other, "You said second.")
        assert await page.get_by_text("You said second.").count() == await other.get_by_text("You said first.").count() == 0
        await other.close()
        await type_in(page, "third")
        await shown(page, "You said third.")


async def _hear(house: House, conversations: int) -> bool:
    return sum(len(one.heard) > 10 for one in house.conversations) == conversations


async def test_all_places_are_taken() -> None:
    async with visited(settings={"max_sessions": 1}) as (page, _):
        await type_in(page, "mine")
        await shown(page, "You said mine.")
        other = await page.context.new_page()
        await other.goto(page.url)
        await type_in(other, "mine too")
        await shown(other, "All 1 conversations are taken")
        await page.close()
        await shown(other, "You said mine too.")


async def test_a_notice_and_what_the_edge_did_are_told() -> None:
    async with visited() as (page, house):
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        conversation = house.conversations[0]
        conversation.emit(out.Notice("cloud_slow", "The cloud was late; the edge went on. <b>bold</b>"))
        await shown(page, "The cloud was late; the edge went on. <b>bold</b>")
        conversation.emit(out.FinalTranscript(2, "And <img src=x onerror=alert(1)>?"))
        conversation.emit(out.ReplyText(2, "No."))
        conversation.emit(out.ReplyEnded(2, "completed"))
        record = {
            "marks": {"speech_end": 1000.0},
            "deadline": 1300.0,
            "ttfa_ms": 420.0,
            "tier": "cloud",
            "offsets_ms": {"speech_end": 0.0, "asr_final": 310.0, "first_audio_sent": 420.0, "answer_heard": 610.0},
            "stages_ms": {"asr": 90.0},
            "cloud": {"fallback": "cloud_slow", "words": [["edge", 4], ["cloud", 9], ["edge", 6]]},
            "cost": {"currency": "EUR", "edge": 0.00002, "cloud": 0.0001, "all_cloud": 0.0002},
        }
        conversation.emit(out.TurnTraced(2, record))
        await shown(page, "610 ms, 310 over 300")
        badges = await page.locator(".turn").nth(1).locator(".badge").all_inner_texts()
        assert badges[:2] == ["small 4, then cloud 9, then small 6 words", "the edge stepped in: cloud slow"]
        assert badges[2:] == ["610 ms, 310 over 300", "bridged after 420 ms", "about 0.00012 EUR"]
        assert await page.locator("img, b").count() == 0
        assert await page.locator(".bar.late").count() == 1


async def test_who_scrolled_up_to_read_is_left_there() -> None:
    async with visited(viewport={"width": 400, "height": 640}) as (page, house):
        for number in range(8):
            await type_in(page, f"number {number}")
            await shown(page, f"You said number {number}.")
        top = "document.querySelector('#conversation').scrollTop"
        end = "(c => c.scrollHeight - c.scrollTop - c.clientHeight < 5)(document.querySelector('#conversation'))"
        await holds(page, end)
        await page.evaluate(f"{top} = 0")
        await asyncio.sleep(0.1)
        house.conversations[0].emit(out.Notice("late", "Something new."))
        await shown(page, "Something new.")
        assert await page.evaluate(top) == 0
        await page.evaluate(f"{top} = 1e6")
        await asyncio.sleep(0.1)
        house.conversations[0].emit(out.Notice("late", "Something newer."))
        await shown(page, "Something newer.")
        await holds(page, end)


# --- for everybody ------------------------------------------------------------------------------------------------------------


async def test_an_example_is_sent_as_typed() -> None:
    async with visited() as (page, house):
        await page.get_by_role("button", name="Why is the sky blue?").click()
        await shown(page, "You said Why is the sky blue?.")
        assert house.conversations[0].typed == ["Why is the sky blue?"]
        await holds(page, "document.activeElement.id === 'talk'")


async def test_by_keyboard_alone() -> None:
    async with visited(flags=FAKE_MICROPHONE) as (page, house):
        order = []
        for _ in range(7):
            await page.keyboard.press("Tab")
            order.append(await page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert order[:2] == ["conversation", "“What time is it?”"]
        assert order[4:] == ["talk", "text", "Send"]
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Shift+Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(outline.removesuffix("px")) >= 2
        await page.keyboard.press("Enter")
        await holds(page, "document.querySelector('#talk').getAttribute('aria-pressed') === 'true'")
        await until(lambda: _hear(house, 1))
        await holds(page, "document.activeElement.id === 'talk'")
        await page.keyboard.press("Space")
        await holds(page, "document.querySelector('#talk').getAttribute('aria-pressed') === 'false'")
        await shown(page, "microphone off")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: str) -> None:
    async with visited(color_scheme=scheme, viewport={"width": 360, "height": 640}, reduced_motion="reduce") as (page, house):
        assert await violations(page) == []
        await type_in(page, "hello")
        await shown(page, "You said hello.")
        house.conversations[0].emit(out.TurnTraced(1, RECORD))
        await page.locator("table.waterfall").wait_for()
        house.conversations[0].emit(out.Notice("late", "Something a person may want to know."))
        house.conversations[0].emit(out.PartialTranscript(2, "what is the time in", 8))
        await shown(page, "Something a person")
        await page.locator("#partial").wait_for()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
