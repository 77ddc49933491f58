/**
 * Where the time of a turn went: its trace record as a table whose rows carry bars, so that the numbers stand beside the
 * picture and a screen reader reads the same thing. Time 0 is the user's last voiced sample.
 */

import { make } from "./dom.js";

const STAGES = [
  ["asr", "asr_final", "Recognition"],
  ["route", "route", "Routing"],
  ["llm_first_token", "llm_first_token", "First token"],
  ["llm_clause", "first_clause", "First clause"],
  ["tts_first_audio", "tts_first_audio", "Synthesis"],
];
const EARLIEST_MS = -500;
const SHORTEST_WAIT_MS = 2;

/** The turn's spans in flow order: `{kind, name, start, end}` in milliseconds. Pure. */
export function spans({ offsets_ms: at = {}, stages_ms: took = {} }) {
  const found = [];
  const add = (kind, name, start, end) => {
    if (Number.isFinite(start) && Number.isFinite(end) && end >= start) found.push({ kind, name, start, end });
  };
  if ("speech_start" in at) {
    add("speech", "You speak", at.speech_start, at.speech_end ?? 0);
    add("wait", "Pause noticed", 0, at.vad_silence);
  }
  for (const [stage, mark, name] of STAGES) if (took[stage] != null) add("stage", name, at[mark] - took[stage], at[mark]);
  if (at.first_audio_sent - at.tts_first_audio >= SHORTEST_WAIT_MS) add("wait", "Held until you are done", at.tts_first_audio, at.first_audio_sent);
  if ("answer_heard" in at) add("wait", "Bridge", at.first_audio_sent, at.answer_heard);
  add("reply", "Reply", at.answer_heard ?? at.first_audio_sent, at.last_audio_sent);
  return found;
}

/** What the turn promised, in milliseconds after the user's last sound; `null` where it made no promise. */
export function budget({ deadline, marks = {} }) {
  return deadline == null || marks.speech_end == null ? null : Math.round(deadline - marks.speech_end);
}

/** When the reply's own words were heard, which the promise is about; a filler or a bridge is none. Pure. */
export function ownWords(record) {
  return record.own_words_ms ?? record.offsets_ms?.answer_heard ?? record.ttfa_ms ?? null;
}

/** One sentence on how the turn kept its promise. Pure. */
export function verdict(record) {
  const first = ownWords(record);
  const promised = budget(record);
  if (first == null) return "no sound";
  if (promised == null) return `${Math.round(first)} ms`;
  const spare = Math.round(promised - first);
  return spare >= 0 ? `${Math.round(first)} ms, within ${promised}` : `${Math.round(first)} ms, ${-spare} over ${promised}`;
}

/** The table of a turn, or `null` when its record holds nothing to show. */
export function waterfall(record) {
  const rows = spans(record);
  if (!rows.length) return null;
  const promised = budget(record);
  const low = Math.max(EARLIEST_MS, Math.min(-40, ...rows.filter(({ kind }) => kind !== "speech").map(({ start }) => start - 20)));
  const high = Math.max((promised ?? 0) * 1.2, (record.offsets_ms?.answer_heard ?? record.ttfa_ms ?? 0) * 1.15, 100);
  const place = (ms) => ((Math.max(low, Math.min(high, ms)) - low) / (high - low)) * 100;

  const table = make("table", { class: "waterfall" });
  table.style.setProperty("--zero", `${place(0)}%`);
  if (promised != null) table.style.setProperty("--promised", `${place(promised)}%`);
  table.append(
    make("caption", {}, `Own words ${verdict(record)}. Times are from ${record.typed ? "your message" : "your last sound"}.`),
    make("thead", {}, head(promised)),
    make("tbody", {}, ...rows.map((span) => row(span, place, promised))),
  );
  return table;
}

function head(promised) {
  const axis = make("th", { scope: "col", class: "chart" }, make("span", { class: "unseen" }, "Picture"));
  axis.append(make("span", { class: "tick zero", "aria-hidden": "true" }, "0"));
  if (promised != null) axis.append(make("span", { class: "tick promised", "aria-hidden": "true" }, `${promised} ms`));
  const column = (title) => make("th", { scope: "col", class: "number" }, title);
  return make("tr", {}, make("th", { scope: "col" }, "Stage"), axis, column("Begins"), column("Takes"));
}

function row({ kind, name, start, end }, place, promised) {
  const late = kind === "stage" && promised != null && end > promised;
  const bar = make("span", { class: `bar ${kind}${late ? " late" : ""}` });
  bar.style.left = `${place(start)}%`;
  bar.style.width = `${Math.max(0.6, place(end) - place(start))}%`;
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, name),
    make("td", { class: "chart", "aria-hidden": "true" }, bar),
    make("td", { class: "number" }, milliseconds(start)),
    make("td", { class: "number" }, milliseconds(end - start)),
  );
}

function milliseconds(value) {
  return `${value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 }).replace("-", "−")} ms`;
}
