// Who else has the ticket open: said and asked every ten seconds while the page is to be seen.

import { TICKETS, ask } from './ask.js';

const EVERY_MS = 10000;

export class Presence {
  /** `onOthers(others)` is told who else is there, `onGone()` that the ticket went elsewhere. */
  constructor(onOthers, onGone) {
    Object.assign(this, { onOthers, onGone, ticket: '' });
    document.addEventListener('visibilitychange', () => this.speak());
  }

  /** Is at this ticket from now on; at none if it is empty. */
  use(ticket) {
    if (this.ticket && this.ticket !== ticket) {
      this.post(this.ticket, true).catch(() => null); // forgotten by itself, a little later
    }
    this.ticket = ticket;
    this.onOthers([]);
    this.speak();
  }

  async speak() {
    clearTimeout(this.timer);
    const { ticket } = this;
    if (!ticket || document.hidden) {
      return;
    }
    this.timer = setTimeout(() => this.speak(), EVERY_MS);
    try {
      const { others } = await this.post(ticket, false);
      if (ticket === this.ticket) {
        this.onOthers(others);
      }
    } catch (error) {
      if (error.status === 404 && ticket === this.ticket) {
        this.onGone(); // no step tells of it
      } // else said again soon
    }
  }

  post(ticket, leaving) {
    return ask('POST', `${TICKETS}/${ticket}/presence`, { leaving });
  }
}
