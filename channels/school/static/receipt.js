// A ticket that was just made: its number and team, and the slip that the parent takes home.

import { phrase } from './template.js';
import { word } from './words.js';

const ZONE = 'Asia/Shanghai';
const DAY = { year: 'numeric', month: 'long', day: 'numeric', timeZone: ZONE };
const MOMENT = Object.assign({ hour: '2-digit', minute: '2-digit', hour12: false }, DAY);

function format(text, options) {
  return new Intl.DateTimeFormat('zh-CN', options).format(new Date(text));
}

function isRow(days) {
  return days.length > 2 && days.every((day, i) => i === 0 || day === days[i - 1] + 1);
}

/** The days and hours of a week, in words. */
function hoursText({ weekdays, windows }) {
  const names = weekdays.map((day) => word('day', day));
  const row = { first: names[0], last: names[names.length - 1] };
  const days = isRow(weekdays) ? phrase(word('hours', 'row'), row) : names.join(word('changed', 'names'));
  const times = windows.map(([from, to]) => phrase(word('hours', 'window'), { from, to })).join(word('changed', 'names'));
  return phrase(word('hours', 'week'), { days, times });
}

export class Receipt {
  /** `on` has again(), close() and open(id). The slip stands outside of the dialog, to be printed alone. */
  constructor(dialog, on) {
    Object.assign(this, { on, ticket: null });
    this.node = dialog.querySelector('.js-made');
    this.places = Array.from(document.querySelectorAll('[data-made]'));
    const pressed = (name, act) => this.node.querySelector(`.js-made-${name}`).addEventListener('click', act);
    pressed('print', () => window.print());
    pressed('open', () => on.open(this.ticket.id));
    pressed('again', () => on.again());
    pressed('close', () => on.close());
    dialog.addEventListener('close', () => this.hide());
  }

  show(ticket) {
    const values = {
      number: ticket.number, team: ticket.team, due: format(ticket.due_at, MOMENT), day: format(ticket.created_at, DAY),
      hours: hoursText(ticket.service),
    };
    this.ticket = ticket;
    this.places.forEach((node) => { node.textContent = values[node.dataset.made]; });
    this.node.hidden = false;
    document.body.classList.add('prints-slip');
    this.node.querySelector('.js-made-title').focus();
  }

  hide() {
    this.node.hidden = true;
    this.places.forEach((node) => { node.textContent = ''; });
    document.body.classList.remove('prints-slip');
  }
}
