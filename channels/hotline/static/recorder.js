// Keeps calls on the server. What could not be sent stays here, in order, and is sent again: nothing is lost silently.

import { call, renewSession } from './api.js';
import { draftOf, eventsBody, isPending } from './drafts.js';

const AT_ONCE = 100;
const RETRY_MS = [1000, 2000, 4000, 8000];

export function newId() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Calls `done()` once a request was taken or refused: only what may succeed later is sent again. */
async function once(request, done) {
  try {
    const reply = await request;
    done();
    return reply;
  } catch (error) {
    if (!error.passes) {
      done();
    }
    throw error;
  }
}

/** Takes out of a patch what was sent and has not changed since. */
function leaveOut(patch, sent) {
  Object.keys(sent).filter((name) => patch[name] === sent[name]).forEach((name) => { delete patch[name]; });
}

export class Recorder {
  /**
   * `heard` is told: `card(call, patch)`, `state(name)`, `escalated(reply)`, `ended(id)`, `refused(message)`; and `lost()`
   * when the server does not have the call that runs, `otherOpen()` when it has another one open.
   */
  constructor(address, heard) {
    Object.assign(this, { address, heard });
    this.drafts = [];
    this.held = [];
    this.current = null;
    this.failures = 0;
    this.timer = null;
    this.due = Infinity;
    this.isBusy = false;
    this.isOffering = false;
  }

  get isPending() {
    return this.held.length > 0 || this.drafts.some(isPending);
  }

  /** Begins a call if there is none. While an earlier one waits for a decision, what happens is held back. */
  touch(place, note) {
    if (!this.current && !this.isOffering) {
      this.take(draftOf(newId(), false, place), note ? { note } : {});
    }
  }

  /** Goes on with a call that the server has. */
  resume(id, patch) {
    this.isOffering = false;
    this.take(draftOf(id, true, {}), patch);
  }

  /** Ends a call that the server has, without going on with it. */
  close(id, result) {
    this.isOffering = false;
    this.drafts.push(Object.assign(draftOf(id, true, {}), { result }));
    this.soon(0);
  }

  take(draft, patch) {
    this.current = draft;
    draft.patch = patch;
    draft.events = this.held;
    this.held = [];
    this.drafts.push(draft);
    this.soon(0);
  }

  happened(kind, entryId, question) {
    const events = this.current ? this.current.events : this.held;
    events.push({ key: newId(), kind, entry: entryId, question, at: Date.now() });
    this.soon(300);
  }

  change(patch) {
    if (this.current) {
      Object.assign(this.current.patch, patch);
      this.soon(500);
    }
  }

  /**
   * Hands a call to the school teams, also one that has ended, with the caller's `place`, which may be told only since.
   * `words`: the question in the box and the school.
   */
  escalate(id, place, words) {
    let draft = this.drafts.find((one) => one.id === id);
    if (!draft) {
      draft = draftOf(id, true, {});
      this.drafts.push(draft);
    }
    Object.assign(draft.patch, place.city ? place : {});
    draft.escalate = words;
    this.soon(0);
  }

  end(result) {
    this.current.result = result;
    this.current = null;
    this.soon(0);
  }

  isCurrent(id) {
    return Boolean(this.current) && this.current.id === id;
  }

  /** The call's id once the server has it; null if there is no call, or it is over by then. */
  async created() {
    const draft = this.current;
    while (draft && !draft.created && this.current === draft) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return draft && this.current === draft ? draft.id : null;
  }

  /** Sends within `wait` milliseconds: what comes meanwhile, such as the next letter, does not put it off. */
  soon(wait) {
    if (this.isPending) {
      this.heard.state(this.failures ? 'retrying' : 'saving');
    }
    const due = Date.now() + wait;
    if (due < this.due) {
      this.due = due;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.sync(), wait);
    }
  }

  async sync() {
    this.due = Infinity;
    if (this.isBusy) {
      this.soon(100);
      return;
    }
    this.isBusy = true;
    let draft = null;
    try {
      while ((draft = this.drafts.find(isPending))) {
        await this.step(draft, {});
        this.failures = 0;
      }
      this.drafts = this.drafts.filter((one) => one === this.current);
      this.heard.state('saved');
    } catch (error) {
      await this.failed(draft, error);
    } finally {
      this.isBusy = false;
    }
  }

  /** Sends the next thing of a call that is not sent yet. */
  async step(draft, options) {
    const address = `${this.address}/${draft.id}`;
    if (!draft.created) {
      this.heard.card(await call('POST', this.address, Object.assign({ id: draft.id }, draft.place), options));
      draft.created = true;
    } else if (Object.keys(draft.patch).length) {
      const patch = Object.assign({}, draft.patch);
      this.heard.card(await once(call('PATCH', address, patch, options), () => leaveOut(draft.patch, patch)), patch);
    } else if (draft.events.length) {
      const sent = draft.events.slice(0, AT_ONCE);
      const done = () => { draft.events = draft.events.slice(sent.length); };
      this.heard.card(await once(call('POST', `${address}/events`, eventsBody(sent), options), done));
    } else if (draft.escalate) {
      await this.sendEscalation(draft, address, options);
    } else {
      await once(call('POST', `${address}/end`, { result: draft.result }, options), () => { draft.result = null; });
      this.heard.ended(draft.id);
    }
  }

  /** That the school teams can't have a call says nothing against the call. */
  async sendEscalation(draft, address, options) {
    const words = draft.escalate;
    const done = () => { draft.escalate = draft.escalate === words ? null : draft.escalate; }; // it may have been pressed again
    try {
      this.heard.escalated(await once(call('POST', `${address}/escalate`, words, options), done));
    } catch (error) {
      if (error.passes) {
        throw error;
      }
      this.heard.refused(error.message);
    }
  }

  async failed(draft, error) {
    if (error.passes) {
      this.heard.state(error.signedOut ? 'signedOut' : 'retrying');
      await this.renew(error);
      this.soon(RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)]);
      this.failures += 1;
      return;
    }
    if (error.code === 'call_open') {
      this.held = draft.events.concat(this.held);
      this.drop(draft);
      this.heard.otherOpen();
      return;
    }
    if (!draft.created || error.status === 404 || error.code === 'call_closed') {
      this.drop(draft);
    }
    this.heard.refused(error.message);
    this.soon(0);
  }

  drop(draft) {
    this.drafts = this.drafts.filter((one) => one !== draft);
    if (this.current === draft) {
      this.current = null;
      this.heard.lost();
    }
  }

  async renew(error) {
    if (error.signedOut) {
      try {
        await renewSession();
      } catch (failure) {
        // Nobody is signed in yet; the next try asks again.
      }
    }
  }

  /** Sends what is left while the page goes away. */
  flush() {
    this.drafts.filter((draft) => draft.created && isPending(draft)).forEach((draft) => {
      this.step(draft, { keepalive: true, signal: undefined }).catch(() => {});
    });
  }
}
