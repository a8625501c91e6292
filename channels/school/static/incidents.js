// Incidents above the list: where similar tickets pile up, what is open, and the form that tells all their parents the same.

import { ask, problem } from './ask.js';
import { tell, when, wordOr } from './say.js';
import { copyOf, fillSlots, keepParts, phrase } from './template.js';

const INCIDENTS = '/api/v1/incidents';

export class Incidents {
  /** `node` has the form only for those who may open incidents. */
  constructor(node) {
    Object.assign(this, { node, send: null, shown: '' });
    this.list = node.querySelector('.js-incident-list');
    this.form = node.querySelector('.js-incident-form');
    if (this.form) {
      this.form.addEventListener('submit', (event) => { event.preventDefault(); this.submit(); });
      this.form.querySelector('.js-incident-fold').addEventListener('click', () => this.fold());
    }
  }

  /** Renews the list; what somebody writes stays. */
  async load() {
    try {
      const [found, piled] = await Promise.all([
        ask('GET', INCIDENTS), this.form ? ask('GET', `${INCIDENTS}/proposals`) : { proposals: [] },
      ]);
      this.render(found.incidents.filter(({ state }) => state === 'open'), piled);
    } catch (error) {
      return; // the list of tickets tells of the same trouble; the next round asks again
    }
  }

  render(incidents, { proposals, minutes }) {
    const shown = JSON.stringify([incidents, proposals]);
    if (shown !== this.shown) {
      this.shown = shown;
      this.list.textContent = '';
      proposals.forEach((one) => this.list.appendChild(this.pile(one, minutes)));
      incidents.forEach((one) => this.list.appendChild(this.row(one)));
    }
    this.node.hidden = !this.list.children.length && (!this.form || this.form.hidden);
  }

  pile(proposal, minutes) {
    const what = proposal.question || wordOr('intent', proposal.topic);
    const item = fillSlots(copyOf('js-pile'), Object.assign({}, proposal, { text: what, minutes, what }));
    const { city, district, entry_id: entry, topic } = proposal;
    const about = entry ? { entry_id: entry } : { topic };
    item.querySelector('button').addEventListener('click', () => (
      this.unfold('open', what, '', Object.assign({ city, district }, about))
    ));
    return item;
  }

  row(incident) {
    const { id, title, version, district, city } = incident;
    const place = district || wordOr('city', city);
    const item = fillSlots(copyOf('js-incident'), {
      title, facts: title, place, tickets: incident.tickets, since: when(incident.created_at), said: incident.text,
    });
    keepParts(item, { deeds: this.form && incident.may_write });
    Array.from(item.querySelectorAll('button')).forEach((button) => {
      const { deed } = button.dataset;
      button.addEventListener('click', () => this.unfold(deed, title, `/${encodeURIComponent(id)}/${deed}`, { version }));
    });
    return item;
  }

  unfold(deed, what, path, body) {
    const { form } = this;
    const title = form.querySelector('.js-incident-title');
    const words = form.querySelector('.js-incident-what');
    this.send = { path: INCIDENTS + path, body };
    words.textContent = phrase(words.dataset[deed], { what });
    title.hidden = deed !== 'open';
    form.elements.title.disabled = deed !== 'open';
    form.elements.title.value = deed === 'open' ? what.slice(0, form.elements.title.maxLength) : '';
    tell(form.querySelector('.js-incident-problem'), '');
    form.hidden = false;
    form.elements.text.focus();
  }

  fold() {
    this.form.reset();
    this.form.hidden = true;
    this.load();
  }

  async submit() {
    const { title, text } = this.form.elements;
    const said = title.disabled ? { text: text.value } : { title: title.value, text: text.value };
    const button = this.form.querySelector('[type="submit"]');
    button.disabled = true;
    try {
      await ask('POST', this.send.path, Object.assign({}, this.send.body, said));
      this.send = null;
      this.fold();
    } catch (error) {
      tell(this.form.querySelector('.js-incident-problem'), problem(error));
      this.load();
    }
    button.disabled = false;
  }
}
