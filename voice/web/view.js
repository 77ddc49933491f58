/** What the page shows: the conversation, the state, the notices. It decides nothing. */

import { make } from "./dom.js";
import { budget, ownWords, verdict, waterfall } from "./waterfall.js";

const ENDS = { interrupted: "interrupted", failed: "failed", session_closed: "broken off" };

const NEAR_THE_END_PX = 60;

export class View {
  constructor(root = document) {
    const $ = (id) => root.getElementById(id);
    this.talk = $("talk");
    this.typeForm = $("type-form");
    this.text = $("text");
    this.tokenForm = $("token-form");
    this.token = $("token");
    this.connection = $("connection");
    this.activity = $("activity");
    this.alert = $("alert");
    this.log = $("log");
    this.partial = $("partial");
    this.welcome = $("welcome");
    this.examples = $("examples");
    this.conversation = $("conversation");
    this.turns = new Map();
    this.following = true;
    this.conversation.addEventListener("scroll", () => this.#notice());
    new ResizeObserver(() => this.#follow()).observe(this.conversation);
  }

  // --- state -----------------------------------------------------------------------------------------------------------

  showConnection(state, words) {
    this.connection.dataset.state = state;
    this.connection.textContent = words;
  }

  showActivity(words, kind = "") {
    this.activity.textContent = words;
    this.talk.dataset.activity = kind;
  }

  showListening(on) {
    this.talk.setAttribute("aria-pressed", String(on));
  }

  showLevel(level) {
    this.talk.style.setProperty("--level", Math.min(1, Math.sqrt(level)).toFixed(2));
  }

  /** Something that needs a person; "" takes it away. */
  warn(sentence, action = null) {
    if (sentence === this.alert.dataset.sentence) return;
    this.alert.dataset.sentence = sentence;
    this.alert.replaceChildren();
    if (!sentence) return;
    const line = make("p", { class: "warning" }, sentence);
    if (action) {
      const button = make("button", { type: "button", class: "plain" }, action.name);
      button.addEventListener("click", action.run);
      line.append(" ", button);
    }
    this.alert.append(line);
  }

  askToken(why) {
    this.tokenForm.hidden = false;
    this.warn(why);
    this.token.value = "";
    this.token.focus();
  }

  // --- the conversation ------------------------------------------------------------------------------------------------

  /** A line between the turns. */
  note(sentence) {
    this.#append(make("li", { class: "notice" }, sentence));
  }

  /** Turns are numbered from 1 again. */
  beginConversation() {
    this.turns.clear();
    this.showPartial("", 0);
  }

  showPartial(text, stable) {
    this.partial.hidden = !text;
    this.partial.replaceChildren(text.slice(0, stable), make("span", { class: "unsure" }, text.slice(stable)));
    if (!text) return;
    this.welcome.hidden = true;
    this.#follow();
  }

  showUser(turn, text) {
    this.showPartial("", 0);
    this.#turn(turn).user.textContent = text;
    this.#follow();
  }

  showReply(turn, clause) {
    const { agent } = this.#turn(turn);
    agent.append(agent.textContent ? ` ${clause}` : clause);
    this.#follow();
  }

  /** The reply was taken back: nothing of it counts. */
  voidReply(turn) {
    this.#turn(turn).agent.replaceChildren();
  }

  /** Only so much of the reply was heard; the rest is struck. */
  showHeard(turn, heard) {
    const { agent } = this.#turn(turn);
    const whole = agent.textContent;
    if (!whole.startsWith(heard) || whole === heard) return;
    agent.replaceChildren(heard, make("s", {}, make("span", { class: "unseen" }, " not heard: "), whole.slice(heard.length)));
  }

  endTurn(turn, reason) {
    if (reason === "nothing_said") {
      this.showPartial("", 0);
      this.turns.get(turn)?.item.remove();
    } else if (ENDS[reason]) {
      this.#turn(turn).badges.append(badge(ENDS[reason], "plain"));
      this.#follow();
    }
  }

  /** The badges and the waterfall of a turn that is over. */
  showRecord(turn, record) {
    const shown = this.turns.get(turn);
    if (!shown || !(shown.user.textContent || shown.agent.textContent)) return;
    shown.badges.prepend(...badges(record));
    const table = waterfall(record);
    if (table) {
      for (const details of this.log.querySelectorAll("details[open]")) details.open = false;
      shown.item.append(make("details", { "aria-live": "off", open: "" }, make("summary", {}, "Where the time went"), table));
    }
    this.#follow();
  }

  #turn(number) {
    if (!this.turns.has(number)) {
      const user = make("p", { class: "user" });
      const agent = make("p", { class: "agent" });
      const list = make("p", { class: "badges" });
      const said = (who) => make("span", { class: "unseen" }, who);
      const item = make("li", { class: "turn" }, said("You: "), user, said("Reply: "), agent, list);
      this.turns.set(number, { item, user, agent, badges: list });
      this.#append(item);
    }
    return this.turns.get(number);
  }

  #append(item) {
    this.welcome.hidden = true;
    this.log.append(item);
    this.#follow();
  }

  /** Who scrolled up to read is left there. */
  #notice() {
    const { scrollHeight, scrollTop, clientHeight } = this.conversation;
    this.following = scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  #follow() {
    if (this.following) this.conversation.scrollTop = this.conversation.scrollHeight;
  }
}

function badges(record) {
  const list = [];
  if (record.skill) list.push(badge(`skill: ${record.skill}`, "skill"));
  else list.push(badge(speakers(record), record.tier === "cloud" ? "cloud" : "edge"));
  if (record.cloud?.fallback) list.push(badge(`the edge stepped in: ${record.cloud.fallback.replaceAll("_", " ")}`, "late"));
  const own = ownWords(record);
  if (own != null) {
    const promised = budget(record);
    list.push(badge(verdict(record), promised == null ? "plain" : own <= promised ? "good" : "late"));
  }
  const first = record.first_sound_ms ?? record.ttfa_ms;
  if (first != null && own != null && own - first > 1) list.push(badge(`bridged after ${Math.round(first)} ms`, "plain"));
  if (record.cost) list.push(badge(price(record.cost), "plain"));
  return list;
}

const SPEAKERS = { edge: "small", large: "large", cloud: "cloud" };

/** Who said how much of an answer that several models may have a part in. */
function speakers(record) {
  const words = record.answer?.words ?? record.cloud?.words ?? [];
  if (words.length < 2) return words.length && words[0][0] !== "edge" ? words[0][0] : record.tier;
  return words.map(([who, count]) => `${SPEAKERS[who] ?? who} ${count}`).join(", then ") + " words";
}

function price({ currency, edge, cloud }) {
  const amount = edge + cloud;
  const digits = amount.toLocaleString("en", { maximumSignificantDigits: 2, maximumFractionDigits: 9 });
  return amount ? `about ${digits} ${currency}` : "no cost";
}

function badge(words, kind) {
  return make("span", { class: `badge ${kind}` }, words);
}
