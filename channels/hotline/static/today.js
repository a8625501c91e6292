// The day's calls: found again, corrected, handed over.

import { call } from './api.js';
import { duration } from './call_panel.js';
import { clock, since } from './dates.js';
import { copyOf, fillSlots, keepParts } from './template.js';
import { sayer } from './words.js';

function chinaDay() {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai' }).format(new Date());
  return parts.slice(0, 10);
}

export class Today {
  constructor(address, panel, labelOf) {
    Object.assign(this, { address, panel, labelOf });
    this.list = panel.querySelector('.js-today');
    this.empty = panel.querySelector('.js-today-empty');
    this.day = panel.querySelector('.js-day');
    this.say = sayer(panel.querySelector('.js-today-status'));
    this.lines = {};
    this.day.value = chinaDay();
    this.day.addEventListener('change', () => this.load());
  }

  async load() {
    const day = this.day.value || chinaDay();
    await this.tried(async () => {
      const found = await call('GET', `${this.address}?day=${day}`);
      this.empty.hidden = found.calls.length > 0;
      this.show(found.calls);
      this.say('');
    });
  }

  /** A call that has not changed keeps its place in the page, open or not. */
  show(calls) {
    const before = this.lines;
    this.lines = {};
    this.list.textContent = '';
    calls.forEach((one) => {
      const key = JSON.stringify(Object.assign({}, one, one.ended_at ? {} : { seconds: 0 }));
      const known = before[one.id];
      const isOpen = Boolean(known && known.node.querySelector('.past').open);
      const node = known && known.key === key ? known.node : this.line(one, isOpen);
      this.lines[one.id] = { key, node };
      this.list.appendChild(node);
    });
  }

  line(one, isOpen) {
    const node = copyOf('js-today-call');
    const questions = node.querySelector('.js-past-questions');
    const form = node.querySelector('.js-past');
    node.querySelector('.past').open = isOpen;
    this.fill(node, one);
    one.questions.forEach((text) => {
      const item = document.createElement('li');
      item.textContent = text;
      questions.appendChild(item);
    });
    form.elements.note.value = one.note;
    form.elements.city.value = one.city || '';
    form.elements.result.value = one.result || 'dropped';
    form.elements.result.disabled = !one.result;
    form.addEventListener('submit', (event) => this.correct(event, form, one));
    node.querySelector('.js-past-escalate').addEventListener('click', () => this.escalate(form, one));
    return node;
  }

  fill(node, one) {
    const escalated = one.escalated_at ? clock(one.escalated_at) : '';
    fillSlots(node, {
      time: clock(one.started_at), result: one.result ? this.labelOf(one.result) : '…', question: one.questions[0] || '—',
      seconds: duration(one.seconds), escalated, ticket: one.ticket,
    });
    keepParts(node, { unsent: one.escalated_at && !one.ticket });
  }

  async correct(event, form, one) {
    event.preventDefault();
    await this.tried(async () => {
      await this.change(form, one);
      if (one.result) {
        await call('POST', `${this.address}/${one.id}/end`, { result: form.elements.result.value });
      }
      await this.load();
      this.say('saved');
    });
  }

  /** Hands a call over with what its own form says of it, which need not be what the call that runs is about. */
  async escalate(form, one) {
    if (!form.elements.city.value) {
      this.say('needsCity');
      form.elements.city.focus();
      return;
    }
    await this.tried(async () => {
      await this.change(form, one);
      const { ticket } = await call('POST', `${this.address}/${one.id}/escalate`);
      await this.load();
      this.say('escalated', { ticket: ticket.number, team: ticket.team, due: since(ticket.due_at) });
    });
  }

  async change(form, one) {
    const { note, city } = form.elements;
    const place = city.value === (one.city || '') ? {} : { city: city.value || null, district: null };
    await call('PATCH', `${this.address}/${one.id}`, Object.assign({ note: note.value }, place));
  }

  async tried(act) {
    try {
      await act();
    } catch (error) {
      this.say('failed');
      this.panel.querySelector('.js-today-status').append(error.message ? ` ${error.message}` : '');
    }
  }
}
