"""Pictures of the web page for the documents: `python -m scripts.pictures [FOLDER]`.

The models answer in a real Chromium. Its microphone hears questions that Piper spoke, so that the pictures can be made
anywhere.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from tests.web.browser import page_at
from voice.audio.resample import resample
from voice.core.config import Config, ServerConfig
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples
from voice.engines import Engines
from voice.server.websocket import VoiceServer
from voice.session.conversation import Conversation

if TYPE_CHECKING:
    from playwright.async_api import Page

QUESTIONS = (("What time is it?", 5.0), ("How many days are in a week?", 8.0), ("What is the capital of France?", 60.0))
"""What is asked, and how many seconds of silence are left for the answer."""
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}


async def microphone(engines: Engines) -> Samples:
    """The questions, with time to answer behind each."""
    rate_hz = engines.synthesizer.sample_rate_hz
    pieces: list[Samples] = [np.zeros(SAMPLE_RATE_HZ, np.float32)]
    for question, silence_s in QUESTIONS:
        speech = np.concatenate([chunk.samples async for chunk in engines.synthesizer.stream(question)])
        pieces += [resample(speech, rate_hz, SAMPLE_RATE_HZ), np.zeros(int(silence_s * SAMPLE_RATE_HZ), np.float32)]
    return np.concatenate(pieces)


async def take(page: "Page", folder: Path) -> None:
    """Hold the conversation and take the pictures."""
    await page.screenshot(path=folder / "web-start.png")
    await page.get_by_role("button", name="Talk").click()
    await page.locator("table.waterfall").nth(len(QUESTIONS) - 1).wait_for(timeout=90_000)
    await asyncio.sleep(0.5)
    await page.screenshot(path=folder / "web-light.png")
    await page.emulate_media(color_scheme="dark")
    await page.screenshot(path=folder / "web-dark.png")
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await asyncio.sleep(0.5)
    await page.screenshot(path=folder / "web-narrow.png")


async def main(folder: Path) -> None:
    """Load the models, serve the page, visit it."""
    config = Config()
    engines = await asyncio.to_thread(Engines.load, config)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            recording = Path(scratch) / "questions.wav"
            soundfile.write(recording, await microphone(engines), SAMPLE_RATE_HZ, subtype="PCM_16")
            async with VoiceServer(ServerConfig(port=0)) as server:
                server.open_with(lambda: Conversation(engines, config))
                options = {"viewport": WIDE, "color_scheme": "light", "reduced_motion": "reduce"}
                async with page_at(server.page_url, microphone=recording, tap=False, **options) as page:
                    await take(page, folder)
    finally:
        await engines.aclose()


if __name__ == "__main__":
    into = Path(*sys.argv[1:2] or ["docs/images"])
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(into))
