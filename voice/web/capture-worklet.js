/**
 * The microphone, on the audio thread: whatever rate it has → frames of 16-bit PCM at the server's rate, posted as
 * `{frame: ArrayBuffer, level}`. When the microphone is off it goes on with silence for a while, since the server finds the
 * end of a turn in the silence, and then posts nothing.
 */

import { Resampler } from "./resample.js";

const FRAME_S = 0.02;
const TAIL_S = 4;

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.resampler = new Resampler(sampleRate, rate);
    this.frame = new Int16Array(Math.round(rate * FRAME_S));
    this.filled = 0;
    this.peak = 0;
    this.silence = new Float32Array(128);
    this.live = false;
    this.tail = 0;
    this.port.onmessage = ({ data }) => {
      if (this.live && !data.live) this.tail = TAIL_S * sampleRate;
      this.live = data.live;
    };
  }

  process([[channel = this.silence]]) {
    if (!this.live) {
      if (this.tail <= 0) return true;
      this.tail -= channel.length;
      channel = this.silence;
    }
    for (const sample of this.resampler.push(channel)) {
      const limited = Math.max(-1, Math.min(1, sample));
      this.peak = Math.max(this.peak, Math.abs(limited));
      this.frame[this.filled++] = Math.round(limited * 32767);
      if (this.filled === this.frame.length) this.send();
    }
    return true;
  }

  send() {
    const frame = this.frame.slice().buffer;
    this.port.postMessage({ frame, level: this.peak }, [frame]);
    this.filled = 0;
    this.peak = 0;
  }
}

registerProcessor("capture", Capture);
