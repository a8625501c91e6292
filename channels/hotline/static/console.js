// The working page: the box, the answers and the call, wired together.

import { Answers } from './answers.js';
import { call } from './api.js';
import { CallPanel, duration, showAsked } from './call_panel.js';
import { since } from './dates.js';
import { resultOf } from './deeds.js';
import { bringLetters, isComposing } from './keys.js';
import { Lookup } from './lookup.js';
import { PlaceForm } from './place.js';
import { Recorder } from './recorder.js';
import { Today } from './today.js';
import { sayer } from './words.js';

const NOTHING_ASKED = { questions: [], events: [] };

export class Console {
  constructor(desk) {
    const part = (name) => desk.querySelector(`.js-${name}`);
    const { calls } = desk.dataset;
    this.part = part;
    this.calls = calls;
    this.box = part('question');
    this.ended = null;
    this.ticket = null;
    this.say = sayer(part('status'));
    this.place = new PlaceForm(part('place'), (value) => this.placeChanged(value));
    this.recorder = new Recorder(calls, this.hearing());
    this.panel = new CallPanel(part('call'), {
      note: (note) => this.noted(note),
      result: () => this.resultChosen(),
      resume: (left) => this.resume(left),
      close: (left) => this.close(left),
    });
    this.answers = new Answers(part, desk.dataset, this.recorder, { touch: () => this.touch(), say: this.say });
    const labelOf = (result) => this.panel.labelOf(result);
    this.today = new Today(calls, desk.querySelector('#panel-today'), labelOf);
    this.lookup = new Lookup(calls, desk.querySelector('#panel-case'), {
      begin: () => this.callId(),
      isCurrent: (id) => this.recorder.isCurrent(id),
      isOffering: () => this.recorder.isOffering,
    });
    this.listen();
  }

  hearing() {
    return {
      state: (name) => this.panel.showSaved(name),
      card: (card, patch) => this.heardCard(card, patch),
      escalated: (reply) => this.heardTicket(reply),
      ended: () => this.today.load(),
      lost: () => this.panel.pause(),
      otherOpen: () => this.open(),
      refused: (message) => this.say('refused', { message }),
    };
  }

  listen() {
    const commands = this.commands();
    this.box.addEventListener('input', (event) => !isComposing(event) && this.typed());
    this.box.addEventListener('compositionend', () => this.typed());
    ['told', 'copy', 'wrong', 'escalate', 'next'].forEach((name) => {
      this.part(name).addEventListener('click', () => {
        commands[name]();
        this.box.focus();
      });
    });
    bringLetters(this.box);
    window.addEventListener('pagehide', () => this.recorder.flush());
    window.addEventListener('beforeunload', (event) => this.recorder.isPending && event.preventDefault());
  }

  /** What keys and buttons do. */
  commands() {
    return {
      down: () => this.answers.nearest.move(1),
      up: () => this.answers.nearest.move(-1),
      told: () => this.told(),
      copy: () => this.copy(),
      wrong: () => this.answers.deed('wrong'),
      next: () => this.next(),
      escalate: () => this.escalate(),
      note: () => this.part('note').focus(),
      back: () => this.box.focus(),
      city: () => this.place.cycle(),
      result: (result) => {
        this.panel.choose(result);
        this.resultChosen();
      },
    };
  }

  /** Asks whether a call was left open, and offers it. */
  async open() {
    this.recorder.isOffering = true;
    try {
      const { call: left } = await call('GET', `${this.calls}/open`);
      if (left) {
        this.panel.offer(left);
        return;
      }
    } catch (error) {
      this.say('refused', { message: error.status ? error.message : '' });
    }
    this.recorder.isOffering = false;
    this.touchIfTyped();
  }

  /** Begins a call unless one runs or an earlier one waits for a decision. */
  touch() {
    if (!this.recorder.isOffering) {
      this.recorder.touch(this.place.value, this.panel.note.value);
      this.panel.begin(0);
    }
  }

  touchIfTyped() {
    if (this.box.value.trim() || this.panel.note.value.trim()) {
      this.touch();
    }
  }

  async callId() {
    this.touch();
    return this.recorder.created();
  }

  typed() {
    const text = this.box.value.trim();
    this.touchIfTyped();
    if (text) {
      this.answers.ask(text, this.place.value);
    } else {
      this.answers.clear();
    }
  }

  placeChanged(value) {
    this.recorder.change(value);
    this.lookup.useCity(value.city || '');
    if (this.box.value.trim()) {
      this.answers.ask(this.box.value.trim(), value, 0);
    }
  }

  told() {
    if (this.answers.deed('told')) {
      this.panel.propose('answered');
      this.box.select(); // the next question replaces this one
    }
  }

  async copy() {
    if (await this.answers.copy()) {
      this.panel.propose('answered');
    }
  }

  noted(note) {
    this.touch();
    this.recorder.change({ note });
  }

  resultChosen() {
    this.touch();
    this.panel.isManual = true;
  }

  /** Hands this call to the school teams or, after its end, the one that was ended last. */
  escalate() {
    const { current } = this.recorder;
    if (current) {
      this.answers.displayed();
      if (this.handOver(current.id, this.place.whole, this.box.value.trim())) {
        this.panel.propose('escalated');
      }
    } else if (this.ended) {
      const { id, place } = this.ended;
      this.handOver(id, place.city ? place : this.place.whole, '');
    } else {
      this.say('untouched');
    }
  }

  /** Hands a call over; false, with the reason said, if nobody could get it. */
  handOver(id, { city, district, school }, question) {
    if (!city || (school && !district)) {
      this.say(city ? 'needsDistrict' : 'needsCity');
      return false;
    }
    this.recorder.escalate(id, { city, district }, { question, school });
    return true;
  }

  /** Ends this call; the page is ready for the next one. */
  next() {
    const { current } = this.recorder;
    if (!current) {
      this.say(this.recorder.isOffering ? 'offered' : 'untouched');
      return;
    }
    const { result, seconds } = this.panel;
    const isUnsent = result === 'escalated' && !this.ticket && !current.escalate;
    this.answers.displayed();
    this.ended = { id: current.id, place: this.place.whole };
    this.recorder.end(result);
    this.say(this.ticket ? 'endedTicket' : isUnsent ? 'endedUnsent' : 'ended', {
      result: this.panel.labelOf(result), time: duration(seconds), ticket: this.ticket,
    });
    this.ticket = null;
    this.box.value = '';
    this.answers.reset();
    this.panel.reset();
    this.place.reset();
    this.lookup.reset(this.place.value.city || '');
    this.showAsked(NOTHING_ASKED);
    this.box.focus();
  }

  /** Goes on with a call that was left open; a note typed before it was offered is added to its own. */
  resume(left) {
    const note = [left.note, this.panel.note.value.trim()].filter(Boolean).join('\n');
    this.ticket = left.ticket;
    this.recorder.resume(left.id, note === left.note ? {} : { note });
    this.answers.deeds.resume(left.events);
    this.panel.resume(left, note, resultOf(left));
    this.place.set(left);
    this.lookup.reset(left.city || '');
    this.lookup.resume(left.id);
    this.showAsked(left);
    this.typed(); // of this call's city now
    this.box.focus();
  }

  close(left) {
    this.recorder.close(left.id, resultOf(left));
    this.touchIfTyped();
    this.box.focus();
  }

  heardTicket({ call: card, ticket }) {
    this.heardCard(card);
    this.say('escalated', { ticket: ticket.number, team: ticket.team, due: since(ticket.due_at) });
  }

  heardCard(card, patch) {
    const { current } = this.recorder;
    if (current && current.id === card.id) {
      this.ticket = card.ticket;
      this.showAsked(card);
      if (patch && 'note' in patch) {
        this.panel.keptNote(patch.note, card.note);
      }
    }
  }

  showAsked(card) {
    showAsked(this.part('asked'), this.part('asked-empty'), card);
  }
}
