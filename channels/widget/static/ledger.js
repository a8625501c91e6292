// What is on the page already, so that nothing said is shown twice, whichever way it comes.

export class Ledger {
  constructor() {
    this.cursor = 0; // the last sequence number that was seen
    this.shown = {}; // turn → how many of its messages are on the page but not seen by number
  }

  /** A turn was answered: the parent's words and the reply are shown, though the reply does not number them. */
  answered(reply) {
    const said = 1 + reply.messages.length;
    if (this.cursor + said === reply.last_seq) {
      this.cursor = reply.last_seq;
    } else {
      this.shown[reply.turn] = said;
    }
  }

  see(said) {
    this.cursor = Math.max(this.cursor, said.seq);
  }

  /** Whether this has still to be shown; from now on it counts as seen. */
  isNew(said) {
    if (said.seq <= this.cursor) {
      return false;
    }
    this.see(said);
    if (said.author !== 'person' && this.shown[said.turn] > 0) {
      this.shown[said.turn] -= 1;
      return false;
    }
    return true;
  }
}
