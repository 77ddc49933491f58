/** The microphone and the loudspeaker, as the page sees them. */

export const RATE_HZ = 24000;

/** Why the microphone cannot be used, in a sentence that says how to go on. */
export class MicrophoneError extends Error {}

export class Audio {
  /**
   * @param {object} to
   * @param {(frame: ArrayBuffer) => void} to.onFrame 16-bit PCM at RATE_HZ
   * @param {(level: number) => void} to.onLevel 0 to 1, of the microphone
   * @param {(playing: {waiting: number, report: ?object, now: boolean}) => void} to.onPlayed see playback-worklet.js
   * @param {(why: string) => void} to.onLost the microphone went away
   */
  constructor({ onFrame, onLevel, onPlayed, onLost }) {
    Object.assign(this, { onFrame, onLevel, onPlayed, onLost });
    this.context = null;
    this.stream = null;
    this.source = null;
  }

  /** Whether the browser offers audio here at all: only on pages that nobody can tamper with. */
  static get available() {
    return window.isSecureContext && "AudioWorkletNode" in window && Boolean(navigator.mediaDevices);
  }

  /** Make ready to play; call it from a click or a key, as browsers demand. Safe to call again. */
  async start() {
    this.starting ??= this.#start().catch((error) => {
      this.starting = null;
      throw error;
    });
    await this.starting;
    if (this.context.state !== "running") await this.context.resume();
  }

  async #start() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    const here = new URL(".", import.meta.url);
    await Promise.all(
      ["capture-worklet.js", "playback-worklet.js"].map((name) => this.context.audioWorklet.addModule(new URL(name, here))),
    );
    const processorOptions = { rate: RATE_HZ };
    this.capture = new AudioWorkletNode(this.context, "capture", {
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions,
    });
    this.capture.port.onmessage = ({ data }) => {
      this.onFrame(data.frame);
      this.onLevel(data.level);
    };
    this.playback = new AudioWorkletNode(this.context, "playback", { numberOfInputs: 0, processorOptions });
    this.playback.port.onmessage = ({ data }) => this.onPlayed(data);
    this.capture.connect(this.context.destination); // silent: a node that leads nowhere is not run everywhere
    this.playback.connect(this.context.destination);
  }

  get listening() {
    return this.stream !== null;
  }

  /** Open the microphone. @throws {MicrophoneError} */
  async listen() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new MicrophoneError(explain(error));
    }
    this.stream.getAudioTracks()[0].addEventListener("ended", () => {
      this.hush();
      this.onLost("The microphone went away. Plug it in again, or choose another, and press Talk.");
    });
    this.source = this.context.createMediaStreamSource(this.stream);
    this.source.connect(this.capture);
    this.capture.port.postMessage({ live: true });
  }

  /** Close the microphone; the browser's recording sign goes out. */
  hush() {
    this.capture?.port.postMessage({ live: false });
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.source = null;
    this.stream = null;
    this.onLevel(0);
  }

  play(pcm) {
    this.playback?.port.postMessage({ pcm }, [pcm]);
  }

  /** Throw away what has not been played. */
  clear() {
    this.playback?.port.postMessage({ clear: true });
  }

  /** Another conversation: what was played so far belongs to none of its replies. */
  begin() {
    this.playback?.port.postMessage({ begin: true });
  }

  /** The server said this, and it was obeyed: how much was played is counted by it. */
  note(message) {
    this.playback?.port.postMessage({ message });
  }

  /** The reply is complete. */
  end() {
    this.playback?.port.postMessage({ end: true });
  }
}

function explain(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The microphone was refused. Allow it for this page (the sign beside the address) and press Talk again, or type.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No microphone was found. Plug one in and press Talk again, or type.";
    case "NotReadableError":
    case "AbortError":
      return "The microphone is busy, perhaps in another program. Close that and press Talk again, or type.";
    default:
      return `The microphone cannot be used (${error.message || error.name}). Press Talk to try again, or type.`;
  }
}
