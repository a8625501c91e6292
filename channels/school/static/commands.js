// What may be done with the open ticket: a button for each command, a form for those that need words.

import { problem } from './ask.js';
import { ChosenFiles } from './files.js';
import { Sender } from './sender.js';
import { tell, when, who, wordOr } from './say.js';
import { phrase } from './template.js';
import { word } from './words.js';

const PLACED = ['to', 'district'];

export class Commands {
  /** `on` has done(ticket, act), overtaken(ticket); `drafts` keeps what is not sent. */
  constructor(node, staff, drafts, on) {
    Object.assign(this, { node, drafts, on, ticket: null, open: '' });
    this.buttons = Array.from(node.querySelectorAll('.js-act'));
    this.forms = Array.from(node.querySelectorAll('.js-form'));
    this.problem = node.querySelector('.js-problem');
    this.status = node.querySelector('.js-status');
    this.buttons.forEach((button) => button.addEventListener('click', () => this.pressed(button.dataset.act)));
    this.files = new ChosenFiles(this.forms);
    this.sender = new Sender(staff, this.files);
    this.forms.forEach((form) => this.listen(form));
  }

  listen(form) {
    const { act } = form.dataset;
    form.addEventListener('submit', (event) => { event.preventDefault(); this.send(act); });
    form.addEventListener('input', () => this.keep(form));
    form.querySelector('.js-fold').addEventListener('click', () => { this.unfold(''); this.button(act).focus(); });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.send(act);
      }
    });
  }

  button(act) {
    return this.buttons.find((button) => button.dataset.act === act);
  }

  form(act) {
    return this.forms.find((form) => form.dataset.act === act);
  }

  /** Whether somebody writes: a form is open and has words, or the cursor stands in it. */
  get isBusy() {
    const form = this.form(this.open);
    return Boolean(form) && (form.contains(document.activeElement) || this.hasWords(form));
  }

  hasWords(form) {
    return Object.values(this.values(form)).some(Boolean) || this.files.has(form.dataset.act);
  }

  /** Shows another ticket, with what was written for it before. */
  use(ticket) {
    this.ticket = null;
    tell(this.problem, '');
    this.status.textContent = '';
    const drafts = this.drafts.read(ticket.id);
    this.forms.forEach((form) => this.fill(form, ticket, drafts[form.dataset.act] || {}));
    this.files.use(ticket.id);
    this.open = '';
    this.update(ticket);
    this.unfold(this.forms.map((form) => form.dataset.act).find((act) => drafts[act] || this.files.has(act)) || '');
  }

  fill(form, ticket, values) {
    form.reset();
    PLACED.map((name) => form.elements[name]).filter(Boolean).forEach((select) => {
      Array.from(select.options).filter((option) => option.dataset.city).forEach((option) => {
        option.hidden = option.dataset.city !== ticket.city;
        option.disabled = option.hidden;
      });
    });
    Object.keys(values).forEach((name) => this.choose(form.elements[name], values[name]));
  }

  choose(field, value) {
    const option = field.options && Array.from(field.options).find((one) => one.value === value && !one.disabled);
    if (option) {
      option.selected = true;
    } else if (!field.options) {
      field.value = value;
    }
  }

  /** Shows a newer version of the same ticket; what is written stays. */
  update(ticket) {
    this.ticket = ticket;
    this.buttons.forEach((button) => { button.hidden = !ticket.may.includes(button.dataset.act); });
    this.node.querySelector('.js-none').hidden = this.buttons.some((button) => !button.hidden);
    this.forms.forEach((form) => {
      const { act } = form.dataset;
      form.querySelector('[type=submit]').disabled = !ticket.may.includes(act);
    });
    this.lock();
    this.sayImpossible();
  }

  sayImpossible() {
    const isImpossible = this.open && !this.ticket.may.includes(this.open);
    if (isImpossible && this.problem.hidden) {
      tell(this.problem, phrase(this.problem.dataset.impossible, { act: this.button(this.open).textContent }));
      this.problem.dataset.kind = 'impossible';
    } else if (!isImpossible && this.problem.dataset.kind === 'impossible') {
      this.clear();
    }
  }

  clear() {
    tell(this.problem, '');
    this.problem.dataset.kind = '';
  }

  pressed(act) {
    if (!this.form(act)) {
      this.send(act);
      return;
    }
    this.unfold(this.open === act ? '' : act);
    if (this.open) {
      this.form(act).querySelector('input, textarea, select').focus();
    }
  }

  unfold(act) {
    if (act !== this.open) {
      this.clear();
      this.status.textContent = '';
    }
    this.open = act;
    this.forms.forEach((form) => { form.hidden = form.dataset.act !== act; });
    this.buttons.filter((one) => one.hasAttribute('aria-expanded')).forEach((button) => {
      button.setAttribute('aria-expanded', String(button.dataset.act === act));
    });
    this.sayImpossible();
  }

  values(form) {
    const found = {};
    Array.from(form.elements).filter(({ name }) => name).forEach(({ name, value }) => { found[name] = value.trim() && value; });
    return found;
  }

  keep(form) {
    this.drafts.keep(this.ticket.id, form.dataset.act, this.values(form));
  }

  /** Puts text behind what stands in a form's box, and opens it; returns the form's name, or nothing while it is sent. */
  insert(act, text) {
    const form = this.form(act);
    if (this.isLocked(act)) {
      this.saySending();
      return '';
    }
    const box = form.elements.text;
    box.value = box.value.trim() ? `${box.value.replace(/\s+$/, '')}\n\n${text}` : text;
    this.keep(form);
    this.unfold(act);
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
    return this.button(act).textContent;
  }

  async send(act) {
    const { ticket } = this;
    const form = this.form(act);
    if (this.sending) {
      this.saySending();
      return;
    }
    if (!ticket.may.includes(act) || (form && !form.reportValidity())) {
      return;
    }
    const values = form ? this.values(form) : {};
    const body = { version: ticket.version };
    Object.keys(values).filter((name) => values[name]).forEach((name) => { body[name] = values[name]; });
    this.begin(act, ticket, form);
    try {
      this.sent(act, await this.sender.give(act, ticket, body), body.attachments);
    } catch (error) {
      this.failed(ticket, error);
    } finally {
      this.end();
    }
  }

  begin(act, ticket, form) {
    const { activeElement } = document;
    this.sending = { act, ticketId: ticket.id, focused: form && form.contains(activeElement) ? activeElement : null };
    this.node.setAttribute('aria-busy', 'true');
    this.lock();
  }

  end() {
    const { focused } = this.sending;
    this.sending = null;
    this.node.setAttribute('aria-busy', 'false');
    this.lock();
    if (this.status.textContent === this.status.dataset.sending) {
      this.status.textContent = '';
    }
    if (focused && document.activeElement === document.body) {
      focused.focus(); // a locked form holds no cursor
    }
  }

  saySending() {
    this.status.textContent = this.status.dataset.sending;
  }

  /** Whether the form of the open ticket is on its way: what is changed now would be neither sent nor kept. */
  isLocked(act) {
    return Boolean(this.sending) && this.sending.act === act && this.sending.ticketId === this.ticket.id;
  }

  lock() {
    this.forms.forEach((form) => { form.querySelector('.js-all').disabled = this.isLocked(form.dataset.act); });
  }

  sent(act, ticket, files) {
    this.drafts.drop(ticket.id, act);
    this.files.drop(ticket.id, act, files);
    if (!this.ticket || this.ticket.id !== ticket.id) {
      return; // another ticket was opened meanwhile
    }
    if (this.form(act)) {
      this.fill(this.form(act), ticket, {});
    }
    this.clear();
    this.on.done(ticket, act);
    this.unfold('');
    this.status.textContent = word('done', act);
    (this.buttons.find((button) => !button.hidden) || this.node).focus();
  }

  failed(ticket, error) {
    const { ticket: now, changed } = error.details;
    const isOpen = this.ticket && this.ticket.id === ticket.id; // else another one was opened meanwhile
    if (isOpen && error.code === 'version_conflict') {
      this.overtaken(now, changed);
    } else if (isOpen) {
      tell(this.problem, problem(error));
      this.problem.dataset.kind = 'failed';
    }
  }

  overtaken(now, changed) {
    const one = word('changed', 'one');
    const valuesOf = (event) => ({ who: who(event), time: when(event.at), step: wordOr('step', event.kind) });
    const steps = changed.map((event) => phrase(one, valuesOf(event)));
    tell(this.problem, phrase(this.problem.dataset.changed, { changed: steps.join(word('changed', 'join')) }));
    this.problem.dataset.kind = 'overtaken';
    this.on.overtaken(now);
  }
}
