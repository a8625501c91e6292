// The form 'for a parent who came in person': filled, kept as a draft, sent once however often it is sent.

import { TICKETS, ask, problem } from './ask.js';
import { NearAnswers } from './near_answers.js';
import { Receipt } from './receipt.js';
import { tell } from './say.js';
import { newKey } from './upload.js';

const DRAFT = 'new';
const FORM = 'make';
const FIELDS = ['city', 'district', 'school', 'question', 'urgency', 'closes_on'];
const END_OF_DAY = 'T23:59:59+08:00'; // a batch closes when that day ends in China
const PLAIN = { urgency: 'normal' };

export class NewTicket {
  /** `on` has made(): a ticket was made; open(id): show it. */
  constructor(node, opener, drafts, pause, on) {
    Object.assign(this, { node, drafts, on, key: '', isUnsure: false });
    this.part = (name) => node.querySelector(`.js-new-${name}`);
    this.form = this.part('form');
    this.answers = new NearAnswers(this.form, pause, () => this.keep());
    this.receipt = new Receipt(node, {
      again: () => this.begin(), close: () => node.close(), open: (id) => { node.close(); on.open(id); },
    });
    opener.addEventListener('click', () => this.open());
    this.part('close').addEventListener('click', () => node.close());
    this.part('clear').addEventListener('click', () => { this.drafts.drop(DRAFT, FORM); this.begin(); });
    this.form.addEventListener('submit', (event) => { event.preventDefault(); this.send(); });
    this.form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.send();
      }
    });
    this.form.addEventListener('input', (event) => this.changed(event.target.name));
  }

  field(name) {
    return this.form.elements[name];
  }

  value(name) {
    const field = this.field(name);
    return (field ? field.value : this.node.dataset[name] || '').trim();
  }

  open() {
    this.node.showModal();
    this.begin();
  }

  /** An empty form, or the draft that was left. */
  begin() {
    const draft = this.drafts.read(DRAFT)[FORM] || {};
    this.receipt.hide();
    this.form.hidden = false;
    this.form.reset();
    FIELDS.filter((name) => draft[name] && this.field(name)).forEach((name) => { this.field(name).value = draft[name]; });
    this.key = draft.key || newKey();
    this.showPlaces();
    this.answers.use(draft.entry || null, this.value('question'), this.place());
    this.setUnsure(Boolean(draft.isUnsure));
    this.focus();
  }

  focus() {
    (this.isUnsure ? this.part('send') : this.field('question')).focus();
  }

  place() {
    return { city: this.value('city'), district: this.value('district') };
  }

  /** Only districts of the city can be chosen, and a school is found by its district. */
  showPlaces() {
    const { district, school } = this.form.elements;
    const city = this.value('city');
    if (district) {
      Array.from(district.options).filter((option) => option.dataset.city).forEach((option) => {
        option.hidden = option.dataset.city !== city;
        option.disabled = option.hidden;
      });
      const [chosen] = district.selectedOptions;
      district.value = chosen && !chosen.disabled ? chosen.value : '';
    }
    if (school) {
      school.disabled = !this.value('district');
    }
  }

  changed(name) {
    if (name === 'city' || name === 'district') {
      this.showPlaces();
    }
    if (['city', 'district', 'question'].includes(name)) {
      this.answers.ask(this.value('question'), this.place(), name === 'city');
    }
    this.keep();
  }

  values() {
    const found = {};
    FIELDS.filter((name) => this.field(name) && !this.field(name).disabled).forEach((name) => {
      found[name] = this.value(name);
    });
    return found;
  }

  keep() {
    const values = this.values();
    const entry = this.answers.chosen;
    const hasWords = Object.keys(values).some((name) => values[name] && values[name] !== PLAIN[name]);
    const draft = Object.assign(values, { entry, key: this.key, isUnsure: this.isUnsure });
    this.drafts.keep(DRAFT, FORM, hasWords || entry ? draft : {});
  }

  body() {
    const closes = this.value('closes_on');
    const body = {
      key: this.key, city: this.value('city'), district: this.value('district'), question: this.value('question'),
      school: this.schoolName(), entry_id: this.answers.chosen && this.answers.chosen.id, urgency: this.value('urgency'),
      closes_at: closes && closes + END_OF_DAY,
    };
    Object.keys(body).filter((name) => !body[name]).forEach((name) => { delete body[name]; });
    return body;
  }

  schoolName() {
    const { school } = this.form.elements;
    return school && school.disabled ? '' : this.value('school');
  }

  async send() {
    if (this.isSending || !this.form.reportValidity()) {
      return;
    }
    this.isUnsure = true; // should the page end before the reply comes
    this.keep();
    this.setSending(true);
    try {
      this.sent(await ask('POST', TICKETS, this.body()));
    } catch (error) {
      this.failed(error);
    } finally {
      this.setSending(false);
    }
  }

  /** What is on its way can't be changed or cleared: the reply ends the draft. */
  setSending(isSending) {
    this.isSending = isSending;
    this.form.setAttribute('aria-busy', String(isSending));
    this.part('clear').disabled = isSending;
    this.part('fields').disabled = isSending || this.isUnsure;
  }

  sent(ticket) {
    this.setUnsure(false);
    this.drafts.drop(DRAFT, FORM);
    this.key = newKey();
    this.form.hidden = true;
    if (!this.node.open) { // it was closed before the reply came
      this.node.showModal();
    }
    this.receipt.show(ticket);
    this.on.made();
  }

  /** Whether it arrived is not known: the same words with the same key, and no others, may be sent again. */
  failed(error) {
    this.setUnsure(error.status === 0 || error.status >= 500);
    this.keep();
    if (!this.isUnsure) {
      tell(this.part('problem'), error.status === 404 && error.message ? error.message : problem(error));
    }
    if (this.isUnsure || !this.node.contains(document.activeElement)) {
      this.focus(); // a field that was locked has lost it
    }
  }

  setUnsure(isUnsure) {
    this.isUnsure = isUnsure;
    this.part('fields').disabled = isUnsure;
    tell(this.part('problem'), isUnsure ? this.part('problem').dataset.unsure : '');
  }
}
