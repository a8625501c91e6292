// The list of tickets, in the order of the API; it is renewed as a whole and keeps its place and its focus.

import { addressOf } from './address.js';
import { TICKETS, ask, problem } from './ask.js';
import { due, holder, lateness, place, when } from './say.js';
import { copyOf, fillSlots, phrase } from './template.js';
import { word } from './words.js';

const PAGE = 50;
const LARGEST = 100;

export class Queue {
  /** `known`: how many parts of a place all tickets share; `onOpen(id)` opens a ticket. */
  constructor(node, known, onOpen) {
    Object.assign(this, { node, known, onOpen, tickets: [], cursor: null, open: '', run: 0 });
    this.rows = node.querySelector('.js-rows');
    this.count = node.querySelector('.js-count');
    this.next = node.querySelector('.js-next');
    this.next.addEventListener('click', () => this.more());
    this.rows.addEventListener('keydown', (event) => this.pressed(event));
    this.rows.addEventListener('click', (event) => this.clicked(event));
  }

  /** Loads from the start, as many as are shown if the filters are the same. */
  async load(filters) {
    const same = this.filters && filters.toString() === this.filters.toString();
    const wanted = same ? Math.max(PAGE, this.tickets.length) : PAGE;
    this.filters = filters;
    await this.attempt(() => this.fetch(wanted));
  }

  async more() {
    const first = this.tickets.length;
    await this.attempt(() => this.fetch(first + PAGE));
    const row = this.rows.children[first];
    if (row) {
      row.firstElementChild.focus();
    }
  }

  async attempt(load) {
    this.run += 1;
    const { run } = this;
    try {
      const found = await load();
      if (run === this.run) {
        this.isSignedOut = false;
        Object.assign(this, found);
        this.render();
      }
    } catch (error) {
      if (run === this.run) {
        this.isSignedOut = error.signedOut;
        this.count.textContent = error.status === 422 ? word('problem', 'filter') : this.trouble(error);
      }
    }
  }

  trouble(error) {
    return error.signedOut ? problem(error) : word('problem', 'list');
  }

  async fetch(wanted) {
    let tickets = [];
    let cursor = null;
    do {
      const query = new URLSearchParams(this.filters);
      query.set('limit', Math.min(LARGEST, wanted - tickets.length));
      if (cursor) {
        query.set('cursor', cursor);
      }
      const page = await ask('GET', `${TICKETS}?${query}`); // one page leads to the next
      tickets = tickets.concat(page.tickets);
      ({ cursor } = page);
    } while (cursor && tickets.length < wanted);
    return { tickets, cursor };
  }

  mark(id) {
    this.open = id;
    this.render();
  }

  render() {
    const shown = JSON.stringify([this.tickets, this.cursor, this.open, this.filters.toString()]);
    if (shown !== this.shown) {
      this.shown = shown;
      const focused = this.rows.contains(document.activeElement) && document.activeElement.dataset.id;
      this.rows.textContent = '';
      this.tickets.forEach((ticket) => this.rows.appendChild(this.row(ticket)));
      const row = focused && this.rowOf(focused);
      if (row) {
        row.focus({ preventScroll: true });
      }
    }
    this.tellCount();
    this.next.hidden = !this.cursor;
  }

  tellCount() {
    const { all, more, none } = this.count.dataset;
    const text = this.cursor ? more : (this.tickets.length && all) || none;
    const words = phrase(text, { count: this.tickets.length });
    if (this.count.textContent !== words) {
      this.count.textContent = words;
    }
  }

  row(ticket) {
    const late = lateness(ticket);
    const item = fillSlots(copyOf('js-row'), {
      number: ticket.number, late: late && word('late', late), urgency: ticket.urgency === 'normal' ? '' : ticket.urgency_name,
      state: ticket.state_name, place: place(ticket, this.known), due: due(ticket, 'left'), holder: holder(ticket),
      talk: ticket.person_since && when(ticket.person_since),
    });
    const link = item.firstElementChild;
    link.href = addressOf(this.filters, ticket.id);
    Object.assign(link.dataset, { id: ticket.id, late, urgency: ticket.urgency, state: ticket.state });
    if (ticket.id === this.open) {
      link.setAttribute('aria-current', 'true');
    }
    return item;
  }

  rowOf(id) {
    return Array.from(this.rows.querySelectorAll('.row')).find((row) => row.dataset.id === id);
  }

  focus(id) {
    const row = this.rowOf(id) || this.rows.querySelector('.row');
    if (row) {
      row.focus();
    }
  }

  clicked(event) {
    const row = event.target.closest('.row');
    if (row && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.onOpen(row.dataset.id);
    }
  }

  pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest('.row');
    if (step && row) {
      const rows = Array.from(this.rows.querySelectorAll('.row'));
      const next = rows[rows.indexOf(row) + step];
      event.preventDefault();
      if (next) {
        next.focus();
      }
    }
  }
}
