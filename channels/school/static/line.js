// The line of events: one for the page while it is to be seen; whatever it may miss, the round of 30 seconds finds.

import { TICKETS } from './ask.js';

const RETRY_MS = 5000;
const ROUND_MS = 30000;

export class Line {
  /** `on` has step(event), round(), state(isOn). */
  constructor(on) {
    this.on = on;
    document.addEventListener('visibilitychange', () => this.look());
    window.addEventListener('pagehide', () => this.stop());
    window.addEventListener('pageshow', (event) => event.persisted && this.look());
  }

  start() {
    this.listen();
    this.plan();
  }

  stop() {
    clearTimeout(this.retry);
    if (this.source) {
      this.source.close();
      this.source = null;
    }
  }

  /** A hidden page holds no line; what happened meanwhile is asked for when it is seen again. */
  look() {
    this.stop();
    if (!document.hidden) {
      this.listen();
      this.on.round();
    }
  }

  listen() {
    const source = new window.EventSource(`${TICKETS}/events`);
    this.source = source;
    source.addEventListener('ready', () => this.on.state(true));
    source.addEventListener('step', (event) => this.on.step(JSON.parse(event.data)));
    source.addEventListener('error', () => {
      this.on.state(false);
      if (source.readyState === window.EventSource.CLOSED) {
        clearTimeout(this.retry);
        this.retry = setTimeout(() => this.look(), RETRY_MS);
      }
    });
  }

  plan() {
    setTimeout(() => {
      if (!document.hidden) {
        this.on.round();
      }
      this.plan();
    }, ROUND_MS);
  }
}
