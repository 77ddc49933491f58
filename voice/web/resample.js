/**
 * A streaming resampler: polyphase windowed sinc (J. O. Smith, "Digital Audio Resampling", section "Theory of Ideal
 * Bandlimited Interpolation"), with a Kaiser window of 16 zero crossings a side. It runs on the audio thread and allocates
 * nothing once it is made.
 */

const CROSSINGS = 16;
const KAISER_BETA = 9;
const LONGEST_PUSH = 4800;

export class Resampler {
  /** @param {number} from Hz, of what is pushed. @param {number} to Hz, of what comes out. */
  constructor(from, to) {
    const common = gcd(from, to);
    this.up = to / common;
    this.down = from / common;
    const cutoff = Math.min(1, to / from) * 0.97;
    const half = Math.ceil(CROSSINGS / Math.min(1, to / from));
    this.taps = from === to ? 1 : 2 * half;
    this.table = from === to ? Float32Array.of(1) : kernel(this.up, half, cutoff);
    this.input = new Float32Array(this.taps + LONGEST_PUSH);
    this.output = new Float32Array(Math.ceil((LONGEST_PUSH * to) / from) + 2);
    this.reset();
  }

  /** Forget what was pushed. */
  reset() {
    this.filled = (this.taps >> 1) - (this.taps > 1 ? 1 : 0);
    this.input.fill(0, 0, this.filled);
    this.phase = 0;
  }

  /**
   * Push at most 4800 samples.
   * @param {Float32Array} samples
   * @returns {Float32Array} a view that is valid until the next push
   */
  push(samples) {
    const { input, output, table, taps, up, down } = this;
    input.set(samples, this.filled);
    this.filled += samples.length;
    let at = 0;
    let made = 0;
    while (at + taps <= this.filled) {
      const row = this.phase * taps;
      let sum = 0;
      for (let tap = 0; tap < taps; tap += 1) sum += input[at + tap] * table[row + tap];
      output[made++] = sum;
      this.phase += down;
      at += Math.floor(this.phase / up);
      this.phase %= up;
    }
    const used = Math.min(at, this.filled);
    input.copyWithin(0, used, this.filled);
    this.filled -= used;
    return output.subarray(0, made);
  }
}

/** One row of taps for each of `up` places between two samples; each row sums to 1. */
function kernel(up, half, cutoff) {
  const taps = 2 * half;
  const table = new Float32Array(up * taps);
  for (let phase = 0; phase < up; phase += 1) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const t = tap - half + 1 - phase / up;
      const x = Math.PI * cutoff * t;
      const value = (x === 0 ? 1 : Math.sin(x) / x) * kaiser(t / half);
      table[phase * taps + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < taps; tap += 1) table[phase * taps + tap] /= sum;
  }
  return table;
}

function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** The modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-9 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}
