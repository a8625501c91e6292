// Keeps calls on the server. What could not be sent stays here, in order, and is sent again: nothing is lost silently.

import { call, renewSession } from './api.js';

const AT_ONCE = 100;
const RETRY_MS = [1000, 2000, 4000, 8000];

export function newId() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function draftOf(id, created, place) {
  return { id, created, place, patch: {}, events: [], escalate: null, result: null };
}

function isPending(draft) {
  return !draft.created || Object.keys(draft.patch).length > 0 || draft.events.length > 0 || draft.escalate || draft.result;
}

function eventsBody(events) {
  const now = Date.now();
  const agoOf = (at) => Math.max(0, now - at);
  const bodyOf = ({ key, kind, entry, question, at }) => ({ key, kind, entry_id: entry, question, ago_ms: agoOf(at) });
  return { events: events.map(bodyOf) };
}

export class Recorder {
  /** `heard` is told: `card(call, patch)`, `state(name)`, `escalated(reply)`, `ended(id)`, `otherOpen()`, `refused(message)`. */
  constructor(address, heard) {
    Object.assign(this, { address, heard });
    this.drafts = [];
    this.held = [];
    this.current = null;
    this.failures = 0;
    this.timer = null;
    this.isBusy = false;
    this.isOffering = false;
  }

  get isPending() {
    return this.held.length > 0 || this.drafts.some(isPending);
  }

  /** Begins a call if there is none. While an earlier one waits for a decision, what happens is held back. */
  touch(place) {
    if (!this.current && !this.isOffering) {
      this.take(draftOf(newId(), false, place));
    }
  }

  /** Goes on with a call that the server has. */
  resume(id) {
    this.isOffering = false;
    this.take(draftOf(id, true, {}));
  }

  /** Ends a call that the server has, without going on with it. */
  close(id, result) {
    this.isOffering = false;
    this.drafts.push(Object.assign(draftOf(id, true, {}), { result }));
    this.soon(0);
  }

  take(draft) {
    this.current = draft;
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

  /** The call's id once the server has it. */
  async created() {
    const draft = this.current;
    while (draft && !draft.created && this.current === draft) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return draft ? draft.id : null;
  }

  soon(wait) {
    if (this.isPending) {
      this.heard.state(this.failures ? 'retrying' : 'saving');
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.sync(), wait);
  }

  async sync() {
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
      await this.sendPatch(draft, address, options);
    } else if (draft.events.length) {
      const sent = draft.events.slice(0, AT_ONCE);
      const card = await call('POST', `${address}/events`, eventsBody(sent), options);
      draft.events = draft.events.slice(sent.length);
      this.heard.card(card);
    } else if (draft.escalate) {
      const words = draft.escalate;
      const reply = await call('POST', `${address}/escalate`, words, options);
      draft.escalate = draft.escalate === words ? null : draft.escalate; // the key may have been pressed again
      this.heard.escalated(reply);
    } else {
      await call('POST', `${address}/end`, { result: draft.result }, options);
      draft.result = null;
      this.heard.ended(draft.id);
    }
  }

  async sendPatch(draft, address, options) {
    const patch = draft.patch;
    draft.patch = {};
    try {
      this.heard.card(await call('PATCH', address, patch, options), patch);
    } catch (error) {
      draft.patch = Object.assign(patch, draft.patch);
      throw error;
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
    this.drafts = this.drafts.filter((one) => one !== draft);
    this.current = this.current === draft ? null : this.current;
    if (error.code === 'call_open') {
      this.held = draft.events.concat(this.held);
      this.heard.otherOpen();
    } else {
      this.heard.refused(error.message);
      this.soon(0);
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
