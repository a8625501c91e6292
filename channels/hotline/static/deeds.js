// What was asked in this call and what the agent did with the suggestions.

const MARKS = ['told', 'copied', 'wrong'];

export class Deeds {
  constructor(recorder) {
    this.recorder = recorder;
    this.reset();
  }

  reset() {
    this.seen = {};
    this.last = {};
  }

  /** Records it, once for a question; a mark that took another's place is recorded again, so that the last one counts. */
  did(kind, entryId, question) {
    if (this.isNew(kind, entryId, question)) {
      this.recorder.happened(kind, entryId, question);
    }
  }

  isNew(kind, entryId, question) {
    const isMark = MARKS.includes(kind);
    const name = [isMark ? 'mark' : kind, entryId, question].join('|');
    const before = this.seen[name];
    this.seen[name] = kind;
    if (isMark) {
      this.last[entryId] = kind;
    }
    return before !== kind;
  }

  /** The mark that an entry bears. */
  of(entryId) {
    return this.last[entryId] || '';
  }

  /** Takes over what was done before the page was opened again. */
  resume(events) {
    this.reset();
    events.forEach(({ kind, entry_id: entryId, question }) => this.isNew(kind, entryId, question));
  }
}

/** The result that a call has if nobody says otherwise. */
export function resultOf(call) {
  if (call.escalated_at) {
    return 'escalated';
  }
  return call.events.some(({ kind }) => kind === 'told' || kind === 'copied') ? 'answered' : 'dropped';
}
