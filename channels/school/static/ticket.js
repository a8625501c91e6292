// The open ticket: what it is, what happened, and the commands; newer versions wait while somebody writes.

import { Commands } from './commands.js';
import { showCourse } from './course.js';
import { TicketFiles } from './files.js';
import { due, holder, lateness, place, tell } from './say.js';
import { phrase } from './template.js';
import { word } from './words.js';

export class TicketPane {
  /** `on` has reload(): fetch the open ticket anew; done(ticket): a command was given. */
  constructor(node, staff, drafts, on) {
    Object.assign(this, { node, on, ticket: null, files: new TicketFiles() });
    this.part = (name) => node.querySelector(`.js-${name}`);
    this.commands = new Commands(this.part('commands'), staff, drafts, {
      done: (ticket) => { this.update(ticket); on.done(ticket); },
      overtaken: (ticket) => { this.update(ticket); on.done(ticket); },
    });
    this.part('show-news').addEventListener('click', () => on.reload());
  }

  /** Shows no ticket; `why` is `idle` or `loading`, or words. */
  showNone(why) {
    const empty = this.part('empty');
    this.ticket = null;
    this.part('body').hidden = true;
    empty.hidden = false;
    empty.textContent = empty.dataset[why] || why;
  }

  /** Shows a ticket that was not open. */
  show(ticket) {
    this.part('empty').hidden = true;
    this.part('body').hidden = false;
    this.part('news').hidden = true;
    this.fill(ticket, ticket.version);
    this.commands.use(ticket);
    this.part('scroll').scrollTop = 0;
    this.node.querySelector('.head__number').focus({ preventScroll: window.innerWidth >= 1100 });
  }

  /** Shows a newer version of it. */
  update(ticket) {
    const seen = this.ticket.version;
    const heldFocus = this.part('news').contains(document.activeElement);
    this.part('news').hidden = true;
    this.fill(ticket, seen);
    this.commands.update(ticket);
    if (ticket.version > seen) {
      this.part('scroll').scrollTop = this.part('scroll').scrollHeight;
    }
    if (heldFocus) {
      this.part('scroll').focus();
    }
  }

  /** Whether a version is newer than what is shown. */
  isBehind(version) {
    return Boolean(this.ticket) && version > this.ticket.version;
  }

  /** There is a newer version: true if it can be shown at once, else a bar offers it. */
  offer(version) {
    if (!this.isBehind(version)) {
      return false;
    }
    this.part('news').hidden = !this.commands.isBusy;
    return !this.commands.isBusy;
  }

  fill(ticket, seen) {
    this.ticket = ticket;
    const late = lateness(ticket);
    this.part('number').textContent = ticket.number;
    this.part('state').textContent = ticket.state_name;
    tell(this.part('urgency'), ticket.urgency === 'normal' ? '' : ticket.urgency_name);
    tell(this.part('late'), late && word('late', late));
    this.node.dataset.late = late;
    this.part('place').textContent = place(ticket);
    this.part('team').textContent = ticket.team;
    this.part('holder').textContent = holder(ticket);
    this.part('due').textContent = due(ticket, 'due');
    const of = this.part('incident-of');
    tell(of, ticket.incident && phrase(of.dataset.text, ticket.incident));
    this.part('guidance').hidden = !ticket.guidance;
    this.part('guidance-text').textContent = ticket.guidance;
    showCourse(this.part('course'), ticket, seen, this.files);
  }

  showOthers(others) {
    const also = this.part('also');
    const names = others.map(({ name }) => name).join(word('changed', 'names'));
    const text = names && also.dataset.text.replace('{names}', names);
    if (also.textContent !== text) {
      tell(also, text);
    }
  }
}
