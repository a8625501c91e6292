// The page as a whole: the list, the open ticket, what stands beside it, and what happens elsewhere.

import { addressOf, ticketOf } from './address.js';
import { TICKETS, ask, problem } from './ask.js';
import { CasePanel } from './case_panel.js';
import { Drafts } from './drafts.js';
import { Filters } from './filters.js';
import { Incidents } from './incidents.js';
import { Line } from './line.js';
import { NewTicket } from './new_ticket.js';
import { Presence } from './presence.js';
import { Queue } from './queue.js';
import { Suggest } from './suggest.js';
import { Tabs } from './tabs.js';
import { Talk } from './talk.js';
import { TicketPane } from './ticket.js';

const GATHER_MS = 300;
const NO_PANEL = { use: () => null, update: () => null, doubt: () => null }; // agents see no applications

export class Desk {
  constructor(node) {
    const part = (name) => node.querySelector(`.js-${name}`);
    const { staff, role, pause, known } = node.dataset;
    this.live = part('live');
    this.id = '';
    this.filters = new Filters(part('filters'), (value) => this.filtered(value));
    this.queue = new Queue(part('queue'), Number(known), (id) => this.go(id));
    this.incidents = new Incidents(part('incidents'));
    const drafts = new Drafts(staff);
    this.pane = new TicketPane(part('ticket'), staff, drafts, {
      reload: () => this.reload(), done: (ticket) => this.stepped(ticket),
    });
    this.talk = new Talk(part('talk'), drafts);
    this.suggest = new Suggest(part('suggest'), Number(pause), (text) => (
      this.pane.commands.insert(role === 'agent' ? 'note' : 'reply', text)
    ));
    this.application = part('case') ? new CasePanel(part('case')) : NO_PANEL;
    this.tabs = new Tabs(part('side'), () => null);
    this.presence = new Presence((others) => this.pane.showOthers(others), () => this.application.update(null, 'gone'));
    this.newTicket = new NewTicket(document.querySelector('.js-new-dialog'), part('new-open'), drafts, Number(pause), {
      made: () => this.renewSoon(), open: (id) => this.go(id),
    });
    this.line = new Line({ step: (step) => this.heard(step), round: () => this.round(), state: (on) => this.tellLine(on) });
    part('back').addEventListener('click', (event) => { event.preventDefault(); this.leave(); });
    window.addEventListener('popstate', () => this.follow());
  }

  start() {
    this.follow();
    this.incidents.load();
    this.line.start();
  }

  /** Shows what the address says. */
  follow() {
    this.filters.show(window.location.search);
    const id = ticketOf(window.location.search);
    window.history.replaceState(null, '', addressOf(this.filters.value, id)); // names only what the page shows
    this.queue.load(this.filters.value);
    if (id !== this.id) {
      this.open(id);
    }
  }

  filtered(value) {
    window.history.replaceState(null, '', addressOf(value, this.id));
    this.queue.load(value);
  }

  go(id) {
    if (id !== this.id) {
      window.history.pushState(null, '', addressOf(this.filters.value, id));
    }
    this.open(id);
  }

  leave() {
    const { id } = this;
    this.go('');
    this.queue.focus(id);
  }

  async open(id) {
    this.id = id;
    if (this.queue.filters) {
      this.queue.mark(id);
    }
    this.presence.use('');
    this.talk.use(null);
    this.suggest.use(null);
    this.application.use(null);
    this.pane.showNone(id ? 'loading' : 'idle');
    if (!id) {
      return;
    }
    try {
      const ticket = await ask('GET', `${TICKETS}/${encodeURIComponent(id)}`);
      if (id === this.id) {
        this.show(ticket);
      }
    } catch (error) {
      if (id === this.id) {
        this.pane.showNone(problem(error));
      }
    }
  }

  show(ticket) {
    this.pane.show(ticket);
    this.presence.use(ticket.id);
    this.talk.use(ticket);
    this.suggest.use(ticket);
    this.application.use(ticket);
  }

  /** The person has given a command, or was overtaken in it. */
  stepped(ticket) {
    this.application.update(ticket);
    this.renewSoon();
  }

  /** Fetches the open ticket anew; what is written stays. */
  async reload() {
    const { id } = this;
    try {
      const ticket = await ask('GET', `${TICKETS}/${encodeURIComponent(id)}`);
      if (id === this.id && this.pane.ticket) {
        this.pane.update(ticket);
        this.application.update(ticket);
        this.talk.renew();
      }
    } catch (error) {
      if (error.status === 404 && id === this.id) {
        this.application.update(null, 'gone');
        if (!this.pane.commands.isBusy) {
          this.open(id); // it went elsewhere
        }
      }
    }
  }

  /** There is this version: it is fetched, or offered to who writes; until it is here, no application is shown. */
  renew(version) {
    if (this.pane.offer(version)) {
      this.reload();
    } else if (this.pane.isBehind(version)) {
      this.application.doubt();
    }
  }

  heard({ ticket_id: id, version }) {
    this.renewSoon();
    if (id === this.id) {
      this.presence.speak();
      this.renew(version);
    }
  }

  /** Every 30 seconds: the list, and the open ticket's version as the list has it. */
  async round() {
    await this.queue.load(this.filters.value);
    const row = this.queue.tickets.find(({ id }) => id === this.id);
    if (row) {
      this.renew(row.version);
    }
    this.tellSession();
    if (!this.queue.isSignedOut) {
      this.incidents.load();
    }
  }

  renewSoon() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.queue.load(this.filters.value), GATHER_MS);
  }

  tellLine(isOn) {
    this.isOn = isOn;
    this.tellSession();
  }

  tellSession() {
    const name = this.isOn ? 'on' : 'off';
    const text = this.live.dataset[this.queue.isSignedOut ? 'signedOut' : name];
    this.live.dataset.state = name;
    if (this.live.textContent !== text) {
      this.live.textContent = text;
    }
  }
}
