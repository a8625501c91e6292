// What the agent did with the suggestions of this call: each is recorded once for a question.

export class Deeds {
  constructor(recorder) {
    this.recorder = recorder;
    this.reset();
  }

  reset() {
    this.seen = new Set();
    this.last = {};
  }

  /** Records it; false if the same was recorded for the same question before. */
  did(kind, entryId, question) {
    const name = [kind, entryId, question].join('|');
    if (kind !== 'displayed' && kind !== 'chosen') {
      this.last[entryId] = kind;
    }
    if (this.seen.has(name)) {
      return false;
    }
    this.seen.add(name);
    this.recorder.happened(kind, entryId, question);
    return true;
  }

  /** The mark that an entry bears. */
  of(entryId) {
    return this.last[entryId] || '';
  }

  /** Takes over what was done before the page was opened again. */
  resume(events) {
    this.reset();
    events.forEach(({ kind, entry_id: entryId, question }) => {
      this.seen.add([kind, entryId, question].join('|'));
      if (kind !== 'displayed' && kind !== 'chosen') {
        this.last[entryId] = kind;
      }
    });
  }
}

/** The result that a call has if nobody says otherwise. */
export function resultOf(call) {
  if (call.escalated_at) {
    return 'escalated';
  }
  return call.events.some(({ kind }) => kind === 'told' || kind === 'copied') ? 'answered' : 'dropped';
}
