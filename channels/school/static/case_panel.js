// The application that the open ticket is about: fetched only when asked for, since each look is recorded; kept nowhere.

import { TICKETS, ask, problem } from './ask.js';
import { CaseCard } from './case_card.js';
import { tell } from './say.js';

const SETTLED = ['resolved', 'closed'];

/** Why the reader can't look at a ticket's application now; `ready`: they can. */
function standing(ticket) {
  if (!ticket) {
    return 'idle';
  }
  if (!ticket.about_application) {
    return ticket.from_chat ? 'none' : 'byStaff';
  }
  if (SETTLED.includes(ticket.state)) {
    return 'settled';
  }
  return ticket.mine ? 'ready' : 'unclaimed';
}

export class CasePanel {
  constructor(node) {
    Object.assign(this, { node, ticket: null, standing: '', look: null });
    this.told = node.querySelector('.js-case-told');
    this.asking = node.querySelector('.js-case-ask');
    this.card = node.querySelector('.js-case-card');
    this.button = node.querySelector('.js-case-show');
    this.button.addEventListener('click', () => this.show());
    window.addEventListener('pagehide', () => this.use(this.ticket)); // going back to the page shows no application
  }

  /** Another ticket is open, or none: nothing of the one before stays. */
  use(ticket) {
    this.standing = '';
    this.ticket = null;
    this.update(ticket);
  }

  /** A newer version of the same ticket, or none with the name of why: who may not look any more sees nothing any more. */
  update(ticket, why) {
    const name = why || standing(ticket);
    this.ticket = ticket;
    if (name !== this.standing) {
      this.standing = name;
      this.clear();
      this.say(name);
      this.asking.hidden = name !== 'ready';
    }
  }

  /** The ticket has a newer version that is not here yet: whether one may still look is not known. */
  doubt() {
    if (this.standing === 'ready') {
      this.update(null, 'behind');
    }
  }

  /** Nothing is shown, and what is still to come is dropped. */
  clear() {
    this.look = null;
    this.card.textContent = '';
    this.button.textContent = this.button.dataset.first;
  }

  say(name) {
    tell(this.told, this.told.dataset[name]);
  }

  async show() {
    if (this.look) {
      return; // it is on its way
    }
    this.clear();
    this.say('loading');
    const look = {};
    this.look = look;
    try {
      const { case: application, reason } = await ask('GET', `${TICKETS}/${this.ticket.id}/case`);
      this.answered(look, () => this.fill(application, reason));
    } catch (error) {
      this.answered(look, () => tell(this.told, error.status === 404 ? error.message : problem(error)));
    }
  }

  /** What came for a ticket that is not open any more, or may not be looked at any more, is dropped. */
  answered(look, act) {
    if (this.look === look) {
      this.look = null;
      act();
    }
  }

  fill(application, reason) {
    this.say(reason.replace(/_(\w)/g, (line, letter) => letter.toUpperCase()));
    if (application) {
      this.button.textContent = this.button.dataset.again;
      this.card.appendChild(new CaseCard({ application, brief: false }).render());
    }
  }
}
