// Official answers near to what the parent asked; one press puts one, with its source, into the reply.

import { tell } from './say.js';
import { Searcher } from './searcher.js';
import { copyOf, fillSlots, phrase } from './template.js';
import { word } from './words.js';

const LONGEST = 200;

/** The words of an entry and of where it stands. */
export function entryValues({ id, question, answer, source }) {
  const { document: title, publisher, number, official } = source;
  const kind = word('source', official ? 'official' : 'repost');
  const values = { document: title, publisher, number, kind, tag: kind, id, question, answer };
  return Object.assign(values, { source: phrase(word('talk', 'source'), values) });
}

function valuesOf({ entry, note, fit, applies }) {
  const more = { note: note || '', fit: word('fit', fit), branch: applies ? applies.branch : '' };
  return Object.assign(entryValues(entry), more);
}

/** The whole published answer with its source, as it goes into a reply. */
function replyText(suggestion) {
  const values = valuesOf(suggestion);
  return phrase(word('text', 'inserted'), Object.assign(values, { note: values.note && `\n${values.note}` })).trim();
}

export class Suggest {
  /** `insert(text)` puts text into the reply and returns the name of the box, or nothing if it takes none now. */
  constructor(node, pause, insert) {
    Object.assign(this, { insert, ticket: null });
    this.box = node.querySelector('.js-suggest-box');
    this.list = node.querySelector('.js-found');
    this.status = node.querySelector('.js-suggest-status');
    this.searcher = new Searcher('/api/v1/suggestions', pause, {
      onFound: (text, found) => this.show(found), onFailed: () => this.say('failed'),
    });
    this.box.addEventListener('input', () => this.ask());
    this.use(null);
  }

  /** Prefills the question of a ticket; without one there is nothing to look up. */
  use(ticket) {
    this.ticket = ticket;
    this.box.disabled = !ticket;
    const question = ticket && ticket.messages.find(({ kind }) => kind === 'question');
    this.box.value = question ? question.text.slice(0, LONGEST) : '';
    this.ask(0);
  }

  ask(pause) {
    const q = this.box.value.trim();
    if (this.ticket && q) {
      const { city, district } = this.ticket;
      this.searcher.ask(q, { city, district }, pause);
    } else {
      this.searcher.forget();
      this.list.textContent = '';
      this.say(this.ticket ? '' : 'idle');
    }
  }

  say(name, values) {
    tell(this.status, name && phrase(this.status.dataset[name], values || {}));
  }

  show({ suggestions }) {
    this.list.textContent = '';
    suggestions.forEach((one, i) => this.list.appendChild(this.item(one, i)));
    this.say(suggestions.length ? 'some' : 'none', { count: suggestions.length });
  }

  item(suggestion, at) {
    const item = fillSlots(copyOf('js-found'), valuesOf(suggestion));
    item.dataset.entry = suggestion.entry.id;
    item.dataset.fit = suggestion.fit;
    item.querySelector('details').open = at === 0;
    item.querySelector('.js-insert').addEventListener('click', () => {
      const label = this.insert(replyText(suggestion));
      this.say(label && 'inserted', { label });
    });
    return item;
  }
}
