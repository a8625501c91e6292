// A verified caller's case: number and reason, a code to the registered mobile, the code back, then the card.

import { call } from './api.js';
import { CaseCard } from './case_card.js';
import { speak } from './marked.js';
import { sayer } from './words.js';

const VERIFIED = 'hotline-verified-call';

/** The id of the call whose caller was verified last; a browser that keeps nothing has none, and a new code is asked for. */
function recall() {
  try {
    return window.localStorage.getItem(VERIFIED);
  } catch (error) {
    return null;
  }
}

function remember(id) {
  try {
    window.localStorage.setItem(VERIFIED, id);
  } catch (error) {
    // Then the case is not shown again after a reload.
  }
}

class NoCallError extends Error {}

export class Lookup {
  /** `callId()` gives the id of the call that runs, begun if there was none; null while an earlier one is offered. */
  constructor(address, panel, callId) {
    Object.assign(this, { address, panel, callId });
    this.form = panel.querySelector('.js-lookup');
    this.code = panel.querySelector('.js-code');
    this.found = panel.querySelector('.js-case');
    this.say = sayer(panel.querySelector('.js-case-status'));
    this.form.addEventListener('submit', (event) => this.tried(event, () => this.send()));
    this.code.addEventListener('submit', (event) => this.tried(event, () => this.check()));
  }

  reset(city) {
    this.form.reset();
    this.code.reset();
    this.code.hidden = true;
    this.found.textContent = '';
    this.useCity(city);
    this.say('');
  }

  useCity(city) {
    this.form.elements.city.value = city;
  }

  async send() {
    const { number, city, reason } = this.form.elements;
    this.found.textContent = '';
    await this.ask('POST', '/verification', { number: number.value.trim(), city: city.value, reason: reason.value });
    this.code.hidden = false;
    this.say('sent');
    this.code.elements.code.focus();
  }

  async check() {
    const field = this.code.elements.code;
    const { verified, tries_left: tries, locked } = await this.ask('POST', '/verification/code', { code: field.value.trim() });
    field.value = '';
    if (!verified) {
      this.code.hidden = locked;
      this.say(locked ? 'locked' : 'wrong', { tries });
      return;
    }
    this.code.hidden = true;
    this.show(await this.ask('GET', '/case'));
    remember(await this.callId());
    this.say('verified');
  }

  /** Shows the case again of a call that is gone on with, if its caller was verified in this browser. */
  async resume(id) {
    if (recall() === id) {
      try {
        this.show(await this.ask('GET', '/case'));
        this.say('verified');
      } catch (error) {
        this.failed(error);
      }
    }
  }

  show({ application, spoken }) {
    const aloud = document.createElement('div');
    aloud.className = 'spoken spoken--case';
    speak(aloud, spoken);
    this.found.appendChild(aloud);
    this.found.appendChild(new CaseCard({ application }).render());
  }

  async ask(method, path, body) {
    const id = await this.callId();
    if (!id) {
      throw new NoCallError();
    }
    return call(method, `${this.address}/${id}${path}`, body);
  }

  async tried(event, act) {
    event.preventDefault();
    this.say('working');
    try {
      await act();
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    if (error instanceof NoCallError) {
      this.say('offered');
    } else if (error.message && error.status) {
      this.panel.querySelector('.js-case-status').textContent = error.message;
    } else {
      this.say(error.status ? 'down' : 'network');
    }
  }
}
