"""The connection to the voice server: kept, and made again when it breaks."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from voice.client import ReceivedAudio, ReplyPosition, VoiceClient
from voice.core.channel import Channel, WhenFull
from voice.core.errors import ServerUnreachable
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.mic.player import Player
from voice.mic.status import Status
from voice.protocol import messages as m

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 5.0
REPORT_EVERY_S = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and whom and what the turns are for, in its ledger."""

    url: str
    token: str = ""
    user: str = ""
    feature: str = ""


class ServerConnection:
    """Sends what may leave, plays what comes.

    Args:
        on_connected: called after each connection is made.
        on_activity: called when somebody speaks or is answered.
    """

    def __init__(
        self,
        address: Address,
        player: Player,
        status: Status,
        on_connected: Callable[[], None],
        on_activity: Callable[[], None],
    ) -> None:
        self.outbox: Channel[Samples] = Channel(200, WhenFull.DROP_OLDEST, name="microphone")
        self._url = address.url
        self._address = address
        self._player = player
        self._status = status
        self._on_connected = on_connected
        self._on_activity = on_activity
        self._position = ReplyPosition(SAMPLE_RATE_HZ)
        self._paused = asyncio.Event()
        self._client: VoiceClient | None = None
        self.on_message: Callable[[m.AnyServerMessage | ReceivedAudio], None] = lambda _: None
        """Called with everything that comes, for those who watch."""

    async def ask(self, text: str) -> None:
        """Send a typed turn.

        Raises:
            ServerUnreachable: there is no connection just now.
        """
        if self._client is None:
            raise ServerUnreachable(f"{self._url} is not connected")
        await self._client.send_text(text)

    def _new_client(self) -> VoiceClient:
        to = self._address
        return VoiceClient(to.url, rate_hz=SAMPLE_RATE_HZ, token=to.token, trace=True, user=to.user, feature=to.feature)

    async def run(self) -> None:
        """Keep the connection until cancelled.

        Raises:
            ConfigError: the address is none.
        """
        wait_s, told = FIRST_WAIT_S, ""
        while True:
            try:
                async with self._new_client() as client:
                    wait_s, told = FIRST_WAIT_S, ""
                    self._begin(client)
                    await self._converse(client)
                    self._status.link_trouble = "the server ended the conversation"
            except ServerUnreachable as error:
                self._status.link_trouble = str(error)
            finally:
                self._end()
            if self._status.link_trouble != told:
                told = self._status.link_trouble
                _log.warning("%s; connecting again until it is back", told)
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    def _begin(self, client: VoiceClient) -> None:
        self._client = client
        self.outbox.clear()
        self._status.connected, self._status.link_trouble = True, ""
        self._status.connections += 1
        self._status.state = "listening"
        self._position = ReplyPosition(SAMPLE_RATE_HZ)
        self._on_connected()

    def _end(self) -> None:
        self._client = None
        self._status.connected = False
        self._status.state = "not connected"
        self._player.clear()

    async def _converse(self, client: VoiceClient) -> None:
        """Both directions, until one ends."""
        tasks = [asyncio.create_task(work) for work in (self._send(client), self._receive(client), self._report(client))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send(self, client: VoiceClient) -> None:
        async for samples in self.outbox:
            await client.send_audio(samples)

    async def _report(self, client: VoiceClient) -> None:
        """Say how much of the reply was played, now and then and when it is paused.

        The server then knows which words were heard, and where the reply goes on.
        """
        told = None
        while True:
            self._paused.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_EVERY_S):
                    await self._paused.wait()
            report = self._position.report(self._player.played)
            if report is not None and report != told and (self._paused.is_set() or self._player.waiting_s > 0):
                told = report
                await client.send_played(report.turn, report.ms, report.clears)

    async def _receive(self, client: VoiceClient) -> None:
        async for message in client:
            self._take(message)
            self.on_message(message)

    def _take(self, message: m.AnyServerMessage | ReceivedAudio) -> None:
        self._obey(message)
        if not isinstance(message, ReceivedAudio):
            self._position.take(message, *self._player.position)

    def _obey(self, message: m.AnyServerMessage | ReceivedAudio) -> None:  # noqa: PLR0912 - one case for each message
        status, player = self._status, self._player
        match message:
            case ReceivedAudio(samples=samples):
                player.put(samples)
                self._on_activity()
            case m.Clear():
                player.clear()
            case m.SpeechStartedMessage():
                status.state = "hearing you"
                self._on_activity()
            case m.SpeechStoppedMessage():
                status.state = "thinking"
            case m.TurnReopenedMessage():
                status.state = "hearing you"
            case m.PauseMessage():
                status.state = "listening to a sound"
                self._paused.set()
            case m.Resume():
                status.state = "speaking"
            case m.TranscriptMessage(role="user", text=text, final=final):
                status.say("you", text, final=final)
                self._on_activity()
            case m.TranscriptMessage(role="agent", text=text):
                status.state = "speaking"
                status.say("voice", text.strip())
            case m.ReplyEndedMessage():
                player.finish()
                status.state = "listening"
            case m.Trace(record=record):
                status.turns.append(record)
            case m.NoticeMessage(message=text) | m.Error(message=text):
                status.say("note", text)
            case _:
                pass
