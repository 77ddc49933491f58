/**
 * The reply, on the audio thread. Takes `{pcm: ArrayBuffer}` (16-bit at the server's rate), `{clear: true}`, `{end: true}`,
 * `{begin: true}` for a new conversation, and `{message}`, what the server said; posts `{waiting, underruns, report, now}`:
 * seconds, a count, the `played` message that is true now, and whether the server should have it at once.
 *
 * Strategy: what arrives waits in a queue until a little is there (the jitter buffer), then plays without gaps. When it runs
 * dry in the middle of a reply, more is gathered before it goes on, up to a bound. A clear fades out over 4 ms, which hides the
 * click, and drops the rest.
 */

import { ReplyPosition } from "./position.js";
import { Resampler } from "./resample.js";

const LEAST_S = 0.04;
const MOST_S = 0.2;
const PATIENCE_S = 0.12;
const LONGEST_S = 30;
const FADE_S = 0.004;
const REPORT_S = 0.05;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.resampler = new Resampler(rate, sampleRate);
    this.piece = new Float32Array(480);
    this.queue = [];
    this.offset = 0;
    this.waiting = 0;
    this.played = 0;
    this.underruns = 0;
    this.playing = false;
    this.ended = true;
    this.cushion = LEAST_S * sampleRate;
    this.waited = 0;
    this.unreported = 0;
    this.reported = 0;
    this.position = new ReplyPosition(sampleRate);
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(data) {
    if (data.clear) this.clear();
    else if (data.end) this.end();
    else if (data.begin) this.position = new ReplyPosition(sampleRate);
    else if (data.message) this.note(data.message);
    else this.add(new Int16Array(data.pcm));
  }

  note(message) {
    this.position.take(message, this.played, this.waiting);
    if (message.type === "pause") this.post(true);
  }

  add(pcm) {
    this.ended = false;
    for (let at = 0; at < pcm.length; at += this.piece.length) {
      const part = pcm.subarray(at, at + this.piece.length);
      for (let i = 0; i < part.length; i += 1) this.piece[i] = part[i] / 32768;
      this.append(this.resampler.push(this.piece.subarray(0, part.length)).slice());
    }
  }

  append(samples) {
    this.queue.push(samples);
    this.waiting += samples.length;
    while (this.waiting > LONGEST_S * sampleRate) this.drop();
  }

  drop() {
    this.waiting -= this.queue.shift().length - this.offset;
    this.offset = 0;
  }

  /** Nothing more comes: play what is there, however little. */
  end() {
    this.append(this.resampler.push(new Float32Array(this.resampler.taps)).slice());
    this.resampler.reset();
    this.ended = true;
  }

  clear() {
    const fade = new Float32Array(this.playing ? Math.min(this.waiting, Math.round(FADE_S * sampleRate)) : 0);
    this.pull(fade);
    this.played -= fade.length; // it is pulled, and counted, once more
    for (let i = 0; i < fade.length; i += 1) fade[i] *= 1 - (i + 1) / fade.length;
    this.queue = fade.length ? [fade] : [];
    this.offset = 0;
    this.waiting = fade.length;
    this.ended = true;
    this.resampler.reset();
  }

  /** Move samples from the queue into `target`; how many there were. */
  pull(target) {
    let at = 0;
    while (at < target.length && this.queue.length) {
      const first = this.queue[0];
      const count = Math.min(first.length - this.offset, target.length - at);
      target.set(first.subarray(this.offset, this.offset + count), at);
      at += count;
      this.offset += count;
      if (this.offset === first.length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.waiting -= at;
    this.played += at;
    return at;
  }

  process(_, [[...channels]]) {
    const length = channels[0].length;
    if (!this.playing && this.waiting) {
      this.waited += length;
      this.playing = this.ended || this.waiting >= this.cushion || this.waited >= PATIENCE_S * sampleRate;
    }
    if (this.playing) this.play(channels);
    this.report(length);
    return true;
  }

  play(channels) {
    const got = this.pull(channels[0]);
    for (const other of channels.slice(1)) other.set(channels[0]);
    if (this.waiting) return;
    this.playing = false;
    this.waited = 0;
    if (!this.ended && got < channels[0].length) {
      this.underruns += 1;
      this.cushion = Math.min(MOST_S * sampleRate, this.cushion * 1.5);
    }
  }

  report(length) {
    this.unreported += length;
    if (this.unreported < REPORT_S * sampleRate || this.played === this.reported) return;
    this.post(false);
  }

  post(now) {
    this.unreported = 0;
    this.reported = this.played;
    const { underruns } = this;
    this.port.postMessage({ waiting: this.waiting / sampleRate, underruns, report: this.position.report(this.played), now });
  }
}

registerProcessor("playback", Playback);
