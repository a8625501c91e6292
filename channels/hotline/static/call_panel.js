// The call as the agent sees it: how long it lasts, its note, its result, and the offer of one that was left open.

import { clock } from './dates.js';
import { copyOf, fillSlots, keepParts, phrase } from './template.js';
import { sayer } from './words.js';

export function duration(seconds) {
  const parts = [Math.floor(seconds / 60), seconds % 60].map((part) => String(part).padStart(2, '0'));
  return parts.join(':');
}

export class CallPanel {
  /** `on` has: note(text), result(value), resume(call), close(call). */
  constructor(node, on) {
    Object.assign(this, { node, on });
    this.part = (name) => node.querySelector(`.js-${name}`);
    this.saved = sayer(this.part('saved'));
    this.note = this.part('note');
    this.radios = Array.from(node.querySelectorAll('[name=result]'));
    this.offered = null;
    this.note.addEventListener('input', () => on.note(this.note.value));
    this.note.addEventListener('blur', () => this.maskNote());
    this.radios.forEach((radio) => radio.addEventListener('change', () => on.result(radio.value)));
    this.part('resume').addEventListener('click', () => this.decide(on.resume));
    this.part('close').addEventListener('click', () => this.decide(on.close));
    this.reset();
    this.tick();
  }

  reset() {
    this.note.value = '';
    this.kept = null;
    this.isManual = false;
    this.radios.forEach((radio) => { radio.checked = false; });
    this.pause();
  }

  /** Shows that no call runs; what the agent has entered stays. */
  pause() {
    this.began = 0;
    this.part('state').textContent = this.part('state').dataset.idle;
    this.node.dataset.open = 'false';
    this.showTime();
  }

  /** Shows that a call has begun, `seconds` ago. */
  begin(seconds) {
    if (!this.began) {
      this.began = Date.now() - seconds * 1000;
      this.part('state').textContent = this.part('state').dataset.open;
      this.node.dataset.open = 'true';
      this.showTime();
    }
  }

  /** Shows a call that goes on. */
  resume(left, note, result) {
    this.begin(left.seconds);
    this.note.value = note;
    this.propose(result);
  }

  /** Tells how the record stands; a screen reader hears of trouble only, not of each saving. */
  showSaved(name) {
    const node = this.part('saved');
    if (node.dataset.now !== name) {
      node.dataset.now = name;
      node.setAttribute('aria-live', name === 'saved' || name === 'saving' ? 'off' : 'polite');
      this.saved(name);
    }
  }

  get seconds() {
    return this.began ? Math.max(0, Math.floor((Date.now() - this.began) / 1000)) : 0;
  }

  get result() {
    return this.radios.filter((radio) => radio.checked).map((radio) => radio.value)[0] || 'dropped';
  }

  /** Marks the result; one that the agent chose stays. */
  propose(result) {
    if (!this.isManual) {
      this.radios.forEach((radio) => { radio.checked = radio.value === result; });
    }
  }

  choose(result) {
    this.isManual = false;
    this.propose(result);
    this.isManual = true;
  }

  labelOf(result) {
    const radio = this.radios.find((one) => one.value === result);
    return radio.nextElementSibling.firstChild.textContent;
  }

  /** Remembers how the server keeps what was typed. */
  keptNote(typed, kept) {
    this.kept = { typed, kept };
    if (document.activeElement !== this.note) {
      this.maskNote();
    }
  }

  /** Puts the masked note in place of the typed one, once the agent has left the field. */
  maskNote() {
    if (this.kept && this.note.value === this.kept.typed) {
      this.note.value = this.kept.kept;
    }
  }

  tick() {
    this.showTime();
    setTimeout(() => this.tick(), 1000);
  }

  showTime() {
    const text = duration(this.seconds);
    if (this.part('timer').textContent !== text) {
      this.part('timer').textContent = text;
    }
  }

  offer(call) {
    const words = this.part('offer-text').dataset;
    this.offered = call;
    const question = call.questions[0] || words.none;
    this.part('offer-text').textContent = phrase(words.text, { time: clock(call.started_at), question });
    this.part('offer').hidden = false;
    this.part('now').hidden = true;
  }

  decide(how) {
    this.part('offer').hidden = true;
    this.part('now').hidden = false;
    how(this.offered);
    this.offered = null;
  }
}

/** The questions of this call so far, with whether an answer was told. */
export function showAsked(list, empty, call) {
  list.textContent = '';
  empty.hidden = call.questions.length > 0;
  call.questions.forEach((text) => {
    const told = call.events.some((event) => event.kind === 'told' && text.startsWith(event.question));
    list.appendChild(keepParts(fillSlots(copyOf('js-asked-item'), { text }), { told }));
  });
}
