/**
 * How much of a reply was played, counted as the server wants it told. `voice.client.ReplyPosition` is the same in Python.
 *
 * A reply begins behind whatever waits to be played when its first words come, also the second reply of a turn that was
 * reopened. A hold leaves the count as it is, and the server says from where it goes on.
 */
export class ReplyPosition {
  /** @param {number} rate of the samples that are counted */
  constructor(rate) {
    this.rate = rate;
    this.turn = 0;
    this.began = 0;
    this.void = true;
    this.clearedTurn = 0;
    this.clears = 0;
  }

  /** Note a message, after it was obeyed: so many samples were played so far, so many are still to be. */
  take({ type, role, turn, ms }, played, waiting) {
    const end = played + waiting;
    if (type === "transcript" && role === "agent" && (turn !== this.turn || this.void)) {
      Object.assign(this, { turn, began: end, void: false });
    } else if (type === "turn_reopened" && turn === this.turn) {
      this.void = true;
    } else if (type === "clear") {
      this.began = Math.min(this.began, end);
      if (turn !== this.clearedTurn) Object.assign(this, { clearedTurn: turn, clears: 0 });
      this.clears += 1;
    } else if (type === "resume" && turn === this.turn && ms !== undefined) {
      this.began = end - Math.round((ms * this.rate) / 1000);
    }
  }

  /** The `played` message for the server, null while there is no reply. */
  report(played) {
    if (this.void) return null;
    const ms = Math.round((Math.max(0, played - this.began) * 1000) / this.rate);
    return { type: "played", turn: this.turn, ms, clears: this.turn === this.clearedTurn ? this.clears : 0 };
  }
}
