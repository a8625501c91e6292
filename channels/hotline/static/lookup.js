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

class CallOverError extends Error {}

export class Lookup {
  /**
   * `begin()` gives the id of the call that runs, begun if there was none, or null: then `isOffering()` tells whether an
   * earlier one waits for a decision. `isCurrent(id)` tells whether that call still runs: a reply to another is dropped.
   */
  constructor(address, panel, { begin, isCurrent, isOffering }) {
    Object.assign(this, { address, panel, begin, isCurrent, isOffering });
    this.form = panel.querySelector('.js-lookup');
    this.code = panel.querySelector('.js-code');
    this.found = panel.querySelector('.js-case');
    this.say = sayer(panel.querySelector('.js-case-status'));
    this.form.addEventListener('submit', (event) => this.submitted(event, (id) => this.send(id)));
    this.code.addEventListener('submit', (event) => this.submitted(event, (id) => this.check(id)));
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

  async send(id) {
    const { number, city, reason } = this.form.elements;
    this.found.textContent = '';
    await this.ask(id, 'POST', '/verification', { number: number.value.trim(), city: city.value, reason: reason.value });
    this.expectCode();
    this.code.elements.code.focus();
  }

  expectCode() {
    this.code.hidden = false;
    this.say('sent');
  }

  async check(id) {
    const field = this.code.elements.code;
    const typed = { code: field.value.trim() };
    const { verified, tries_left: tries, locked } = await this.ask(id, 'POST', '/verification/code', typed);
    field.value = '';
    if (!verified) {
      this.code.hidden = locked;
      this.say(locked ? 'locked' : 'wrong', { tries });
      return;
    }
    this.code.hidden = true;
    remember(id);
    await this.showCase(id);
  }

  /** Of a call that is gone on with: the case, if its caller was verified in this browser, or the field for a code sent. */
  resume(id) {
    this.attempt(id, () => (recall() === id ? this.showCase(id) : this.resumeCode(id)));
  }

  async resumeCode(id) {
    if ((await this.ask(id, 'GET', '/verification')).expected) {
      this.expectCode();
    }
  }

  async showCase(id) {
    this.show(await this.ask(id, 'GET', '/case'));
    this.say('verified');
  }

  show({ application, spoken }) {
    const aloud = document.createElement('div');
    aloud.className = 'spoken spoken--case';
    speak(aloud, spoken);
    this.found.appendChild(aloud);
    this.found.appendChild(new CaseCard({ application }).render());
  }

  async ask(id, method, path, body) {
    const reply = await call(method, `${this.address}/${id}${path}`, body);
    if (!this.isCurrent(id)) {
      throw new CallOverError();
    }
    return reply;
  }

  async submitted(event, act) {
    event.preventDefault();
    this.say('working');
    const id = await this.begin();
    if (id) {
      await this.attempt(id, () => act(id));
    } else {
      this.say(this.isOffering() ? 'offered' : '');
    }
  }

  async attempt(id, act) {
    try {
      await act();
    } catch (error) {
      if (this.isCurrent(id)) {
        this.failed(error);
      }
    }
  }

  failed(error) {
    if (error.message && error.status) {
      this.panel.querySelector('.js-case-status').textContent = error.message;
    } else {
      this.say(error.status ? 'down' : 'network');
    }
  }
}
