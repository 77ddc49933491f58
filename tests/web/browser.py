"""A real headless Chromium at the server's page, with a microphone that the test speaks into and a tap on what it plays."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import needs
from voice.audio.formats import float_from_pcm16, pcm16_from_float
from voice.audio.resample import resample
from voice.core.interfaces import SAMPLE_RATE_HZ, Samples

if TYPE_CHECKING:
    from playwright.async_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --no-first-run --autoplay-policy=user-gesture-required"
).split()

_TAP = """
const connect = AudioNode.prototype.connect;
window.heard = { pieces: [], rate: 0 };
AudioNode.prototype.connect = function (to, ...more) {
  const result = connect.call(this, to, ...more);
  if (to instanceof AudioDestinationNode) {
    tapOf(this.context).then((tap) => connect.call(this, tap));
  }
  return result;
};
async function tapOf(context) {
  context.tap ??= context.audioWorklet.addModule("/web/tap.js").then(() => {
    const tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
    tap.port.onmessage = ({ data }) => window.heard.pieces.push(data);
    window.heard.rate = context.sampleRate;
    connect.call(tap, context.destination);  // silent
    return tap;
  });
  return context.tap;
}
window.heardSoFar = () => {
  const bytes = new Uint8Array(window.heard.pieces.length * 2048 * 2);
  window.heard.pieces.forEach((piece, number) => bytes.set(new Uint8Array(piece.buffer), number * 4096));
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return [window.heard.rate, btoa(text)];
};
"""
_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext({ sampleRate: 16000 });
  const microphone = context.createMediaStreamDestination();
  const silence = new ConstantSourceNode(context, { offset: 0 });
  silence.connect(microphone);
  silence.start();
  window.speak = (text) => {
    const pcm = new Int16Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    const buffer = new AudioBuffer({ length: pcm.length, sampleRate: 16000 });
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const voice = new AudioBufferSourceNode(context, { buffer });
    voice.connect(microphone);
    voice.start();
  };
  return microphone.stream;
};
"""
TAP_WORKLET = b"""
class Tap extends AudioWorkletProcessor {
  constructor() { super(); this.piece = new Int16Array(2048); this.at = 0; }
  process([[channel]]) {
    if (!channel) return true;
    for (const sample of channel) {
      this.piece[this.at++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      if (this.at === 2048) { this.port.postMessage(this.piece); this.piece = new Int16Array(2048); this.at = 0; }
    }
    return true;
  }
}
registerProcessor("tap", Tap);
"""


@asynccontextmanager
async def page_at(
    url: str, *, microphone: bool = False, flags: Iterable[str] = (), tap: bool = True, **context_options: Any
) -> "AsyncIterator[Page]":
    """A page, opened at ``url``. With ``microphone`` it gets one that hears what :func:`speak` says, and silence besides.
    ``tap`` records what the page plays; the server must then serve :data:`TAP_WORKLET`.

    What the page's scripts log as an error, or throw, fails the test.
    """
    executable = needs.chromium()
    assert executable is not None, 'a test that opens a page is marked needs("chromium")'
    from playwright.async_api import async_playwright

    troubles: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*_QUIET, *flags], timeout=60_000)
        try:
            context = await browser.new_context(**context_options)
            page = await context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            if tap:
                await page.add_init_script(_TAP)
            if microphone:
                await page.add_init_script(_MICROPHONE)
            await page.goto(url)
            yield page
            await context.close()
        finally:
            await browser.close()
    assert troubles == []


async def speak(page: "Page", samples: Samples) -> None:
    """Say this at 16 kHz into the page's microphone, which is open, in real time; does not wait."""
    await page.evaluate("(text) => window.speak(text)", base64.b64encode(pcm16_from_float(samples)).decode())


async def heard(page: "Page") -> Samples:
    """What the page has sent to the loudspeaker so far, silences included, at 16 kHz."""
    rate_hz, text = await page.evaluate("window.heardSoFar()")
    pcm = float_from_pcm16(base64.b64decode(text))
    return resample(pcm, int(rate_hz), SAMPLE_RATE_HZ) if pcm.size else pcm


async def violations(page: "Page") -> list[str]:
    """What axe-core finds wrong with the page as it stands, by the rules of WCAG 2.0 and 2.1, levels A and AA."""
    source = AXE.read_bytes()
    assert hashlib.sha256(source).hexdigest() == AXE_SHA256
    await page.evaluate(f"{{ const define = undefined; {source.decode()} }}; undefined")
    found = await page.evaluate("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })")
    return [f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']]}" for one in found["violations"]]
