/**
 * One conversation with the server over a WebSocket, made again when it breaks.
 *
 * A browser does not say why a WebSocket was refused, so the same address is then asked for over plain HTTP: the server gives
 * the same answer there, with its reason. The token travels in headers, never in an address, which proxies write into logs: a
 * WebSocket of a browser has no headers to choose but its subprotocols.
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const OPEN_WITHIN_MS = 10000;
const ANSWER_WITHIN_MS = 5000;
const MOST_UNSENT_BYTES = 96000;
const HELLO = JSON.stringify({ type: "hello", version: 1, trace: true });
const NEVER_AGAIN = new Set([400, 403, 404, 421]);

export class Connection {
  /**
   * @param {object} to
   * @param {number} to.rateHz
   * @param {(state: {name: "closed"|"connecting"|"open"|"waiting"|"token"|"refused", why: string, waitMs: number}) => void} to.onState
   * @param {(message: object) => void} to.onMessage
   * @param {(pcm: ArrayBuffer) => void} to.onAudio
   */
  constructor({ rateHz, onState, onMessage, onAudio }) {
    Object.assign(this, { rateHz, onState, onMessage, onAudio });
    this.token = "";
    this.socket = null;
    this.wanted = false;
    this.state = "closed";
    this.waitMs = FIRST_WAIT_MS;
    this.timer = 0;
    this.doubt = 0;
    this.dropped = 0;
    window.addEventListener("online", () => (this.state === "waiting" ? this.open() : this.check()));
  }

  get ready() {
    return this.state === "open";
  }

  /** Connect now, unless that is done or under way. */
  open() {
    this.wanted = true;
    if (this.state === "open" || this.state === "connecting") return;
    clearTimeout(this.timer);
    this.#set("connecting");
    const socket = new WebSocket(this.#address("ws"), this.token ? ["voice", `bearer.${base64url(this.token)}`] : []);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const tooLong = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
    let opened = false;
    socket.onopen = () => {
      opened = true;
      socket.send(HELLO);
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.doubt);
      this.doubt = 0;
      if (typeof data !== "string") return this.onAudio(data);
      const message = JSON.parse(data);
      if (message.type === "ready") {
        clearTimeout(tooLong);
        this.waitMs = FIRST_WAIT_MS;
        if (!this.ready) this.#set("open");
      }
      return this.onMessage(message);
    };
    socket.onclose = ({ reason }) => {
      clearTimeout(tooLong);
      if (this.socket !== socket) return;
      this.socket = null;
      clearTimeout(this.doubt);
      this.doubt = 0;
      if (!this.wanted) this.#set("closed");
      else if (opened) this.#again(reason || "The connection broke.");
      else this.#askWhy();
    };
  }

  /** Make sure that the other end is still there: after a sleep a dead connection looks like a silent one. */
  check() {
    if (this.state === "waiting") return this.open();
    if (!this.ready || this.doubt) return undefined;
    this.socket.send(HELLO);
    this.doubt = setTimeout(() => this.#giveUp(), ANSWER_WITHIN_MS);
    return undefined;
  }

  #giveUp() {
    const socket = this.socket;
    this.socket = null;
    this.doubt = 0;
    socket?.close();
    this.#again("The connection was lost.");
  }

  /** Say goodbye and stay away. */
  close() {
    this.wanted = false;
    clearTimeout(this.timer);
    clearTimeout(this.doubt);
    this.doubt = 0;
    this.send({ type: "bye" });
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.#set("closed");
  }

  send(message) {
    if (this.ready) this.socket.send(JSON.stringify(message));
  }

  /** Audio is dropped, and counted, when the network cannot take it: late audio is worth nothing. */
  sendAudio(pcm) {
    if (!this.ready) return;
    if (this.socket.bufferedAmount > MOST_UNSENT_BYTES) this.dropped += 1;
    else this.socket.send(pcm);
  }

  async #askWhy() {
    let status = 0;
    let why = "The server does not answer. Is it still running?";
    try {
      const response = await fetch(this.#address("http"), {
        cache: "no-store",
        headers: this.token ? { Authorization: `Bearer ${utf8(this.token)}` } : {},
        signal: AbortSignal.timeout(5000),
      });
      status = response.status;
      if (status !== 426) why = (await response.text()).trim();
    } catch {
      // nobody there: the sentence above says so
    }
    if (!this.wanted || this.state !== "connecting") return;
    if (status === 401) {
      this.wanted = false;
      this.#set("token", this.token ? "That token was not accepted." : "");
    } else if (NEVER_AGAIN.has(status)) {
      this.wanted = false;
      this.#set("refused", why);
    } else this.#again(why);
  }

  #again(why) {
    const waitMs = this.waitMs * (0.8 + 0.4 * Math.random());
    this.waitMs = Math.min(LONGEST_WAIT_MS, this.waitMs * 2);
    this.timer = setTimeout(() => this.open(), waitMs);
    this.#set("waiting", why, waitMs);
  }

  #set(name, why = "", waitMs = 0) {
    this.state = name;
    this.onState({ name, why, waitMs });
  }

  #address(kind) {
    const address = new URL("../ws", import.meta.url);
    address.protocol = address.protocol.replace(/^http/, kind);
    address.searchParams.set("rate", this.rateHz);
    return address;
  }
}

/** The bytes of a text as a string of characters up to 255, which is what headers and base64 take. */
function utf8(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function base64url(text) {
  return btoa(utf8(text)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
