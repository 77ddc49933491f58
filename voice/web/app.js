/** The page: what a person does and what the server says, brought together. */

import { Audio, MicrophoneError, RATE_HZ } from "./audio.js";
import { Connection } from "./connection.js";
import { View } from "./view.js";

const TOKEN_KEY = "voice.token";
const REPORT_EVERY_MS = 250;
const IDLE_MS = 5 * 60 * 1000;
const INSECURE =
  "Browsers open microphone and loudspeaker only for https pages and for localhost. Type below, or open this page " +
  "through https or a tunnel: ssh -L 8765:localhost:8765 the-server, then http://localhost:8765.";

const view = new View();
const audio = new Audio({
  onFrame: (frame) => connection.sendAudio(frame),
  onLevel: (level) => view.showLevel(level),
  onPlayed: reportPlayed,
  onLost: (why) => {
    view.showListening(false);
    view.warn(why);
  },
});
const connection = new Connection({
  rateHz: RATE_HZ,
  onState: connectionChanged,
  onMessage: (message) => {
    take(message);
    audio.note(message);
  },
  onAudio: (pcm) => reply.silenced || audio.play(pcm),
});
connection.token = sessionStorage.getItem(TOKEN_KEY) ?? "";

/** The reply that comes in: its turn, and whether the user wants to hear none of it. */
const reply = { turn: 0, silenced: false };
let reportedAt = 0;
let unsent = "";
let hadConversation = false;
let alertsWaiting = 0;
let idleTimer = 0;

// --- what the person does ------------------------------------------------------------------------------------------------

view.talk.addEventListener("click", async () => {
  if (audio.listening) return stopListening();
  view.warn("");
  if (!Audio.available) return view.warn(INSECURE);
  view.talk.disabled = true;
  try {
    await audio.start();
    await audio.listen();
    view.showListening(true);
    connect();
    if (connection.ready) showRest();
  } catch (error) {
    view.warn(error instanceof MicrophoneError ? error.message : `Audio cannot be used here (${error.message}). You can type.`);
  } finally {
    view.talk.disabled = false;
    view.talk.focus();
  }
});

view.typeForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = view.text.value.trim();
  view.text.value = "";
  if (text) type(text);
});

view.examples.addEventListener("click", ({ target }) => {
  const example = target.closest("button");
  if (!example) return;
  view.talk.focus();
  type(example.dataset.text);
});

view.tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  connection.token = view.token.value;
  sessionStorage.setItem(TOKEN_KEY, connection.token);
  view.tokenForm.hidden = true;
  view.warn("");
  connect();
  view.talk.focus();
});

window.addEventListener("pagehide", () => connection.close());
window.addEventListener("pageshow", ({ persisted }) => persisted && alertsWaiting && connect());
document.addEventListener("visibilitychange", () => document.hidden || connection.check());

async function type(text) {
  if (Audio.available) await audio.start().catch((error) => view.warn(`There will be no sound: ${error.message}`));
  else view.warn(INSECURE);
  if (connection.ready) sendText(text);
  else unsent = text;
  connect();
}

function stopListening() {
  audio.hush();
  audio.clear();
  reply.silenced = true;
  view.showListening(false);
  view.showActivity("microphone off");
  restIfIdle();
}

function connect() {
  clearTimeout(idleTimer);
  connection.open();
}

/** A conversation holds one of the server's places: give it back when nobody uses it and nothing is set to ring in it. */
function restIfIdle() {
  clearTimeout(idleTimer);
  idleTimer = setTimeout(() => audio.listening || alertsWaiting || connection.close(), IDLE_MS);
}

// --- what becomes of the connection ----------------------------------------------------------------------------------------

function connectionChanged({ name, why, waitMs }) {
  if (name !== "open" && name !== "connecting") leave();
  switch (name) {
    case "closed":
      view.showConnection(name, "not connected");
      view.showActivity(audio.listening ? "not connected" : "ready");
      break;
    case "connecting":
      alertsWaiting = 0;
      view.showConnection(name, "connecting …");
      view.showActivity("connecting …", "thinking");
      break;
    case "open":
      arrive();
      break;
    case "waiting":
      view.showConnection(name, `trying again in ${Math.max(1, Math.round(waitMs / 1000))} s`);
      view.showActivity("waiting for the server", "waiting");
      view.warn(why, { name: "Try now", run: () => connection.open() });
      break;
    case "token":
      view.showConnection(name, "token needed");
      sessionStorage.removeItem(TOKEN_KEY);
      view.askToken(why);
      break;
    case "refused":
      view.showConnection(name, "refused");
      view.warn(why);
      break;
  }
}

function arrive() {
  view.showConnection("open", "connected");
  view.warn("");
  view.beginConversation();
  if (hadConversation) view.note("A new conversation: what was said above is not remembered.");
  hadConversation = true;
  Object.assign(reply, { turn: 0, silenced: false });
  audio.begin();
  showRest();
  if (unsent) sendText(unsent);
  else restIfIdle();
  unsent = "";
}

function sendText(text) {
  connection.send({ type: "text", text });
  view.showActivity("thinking", "thinking");
}

function leave() {
  audio.clear();
  view.showPartial("", 0);
  view.showActivity("ready");
}

function showRest() {
  if (audio.listening) view.showActivity("listening · press again to stop", "listening");
  else view.showActivity("ready");
}

// --- what the server says --------------------------------------------------------------------------------------------------

function take(message) {
  const { turn } = message;
  switch (message.type) {
    case "speech_started":
      return view.showActivity("hearing you", "hearing");
    case "speech_stopped":
      return view.showActivity("thinking", "thinking");
    case "transcript":
      return transcript(message);
    case "turn_reopened":
      view.voidReply(turn);
      return view.showActivity("hearing you", "hearing");
    case "pause":
      return view.showActivity("holding", "hearing");
    case "resume":
      return view.showActivity("speaking", "speaking");
    case "clear":
      audio.clear();
      if (message.heard !== undefined) view.showHeard(turn, message.heard);
      return undefined;
    case "reply_ended":
      audio.end();
      view.endTurn(turn, message.reason);
      restIfIdle();
      return showRest();
    case "alerts":
      alertsWaiting = message.waiting;
      return restIfIdle();
    case "trace":
      return view.showRecord(turn, message.record);
    case "notice":
    case "error":
      return view.note(message.message);
    default:
      return undefined; // a newer server may know more
  }
}

function transcript({ turn, role, text, final, stable_chars: stable = 0 }) {
  if (role === "user" && !final) return view.showPartial(text, stable);
  if (role === "user") return view.showUser(turn, text);
  if (turn !== reply.turn) Object.assign(reply, { turn, silenced: false });
  view.showReply(turn, text);
  return view.showActivity("speaking", "speaking");
}

/** Tell the server how much was really played: it then knows which words were heard, and where a held reply goes on. */
function reportPlayed({ waiting, report, now: atOnce }) {
  document.documentElement.dataset.playing = String(waiting > 0);
  const now = performance.now();
  if (!report || reply.silenced) return;
  if (!atOnce && (!waiting || now - reportedAt < REPORT_EVERY_MS)) return;
  reportedAt = now;
  connection.send(report);
}

if (!Audio.available) view.warn(INSECURE);
