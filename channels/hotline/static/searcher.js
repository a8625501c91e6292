// Asks for suggestions once the agent pauses: older requests are aborted, replies that come late are dropped.

import { call } from './api.js';

const RETRY_MS = 1000;

export class Searcher {
  /** Calls `onFound(text, found)` and `onFailed(error)` for the newest request only; `onWaiting(is)`, if given, before both. */
  constructor(address, pause, { onFound, onFailed, onWaiting = () => {} }) {
    Object.assign(this, { address, pause, onWaiting, onFound, onFailed });
    this.isWaiting = false;
    this.number = 0;
    this.timer = null;
    this.stop = null;
  }

  /** Asks after the pause; each further call begins the pause anew. */
  ask(text, place, pause) {
    this.wait(true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(text, place), pause === undefined ? this.pause : pause);
  }

  /** From a word's first change until its reply, what is shown belongs to older words. */
  wait(is) {
    this.isWaiting = is;
    this.onWaiting(is);
  }

  /** Wants nothing any more. */
  forget() {
    this.abort();
    this.wait(false);
  }

  abort() {
    clearTimeout(this.timer);
    this.number += 1;
    if (this.stop) {
      this.stop.abort();
    }
  }

  async send(text, place) {
    this.abort();
    const number = this.number;
    const query = new URLSearchParams({ q: text, limit: '3' });
    Object.keys(place).filter((name) => place[name]).forEach((name) => query.set(name, place[name]));
    this.stop = new AbortController();
    try {
      const found = await call('GET', `${this.address}?${query}`, null, { signal: this.stop.signal });
      if (number === this.number) {
        this.wait(false);
        this.onFound(text, found);
      }
    } catch (error) {
      if (number === this.number) {
        this.onFailed(error);
        this.ask(text, place, RETRY_MS);
      }
    }
  }
}
