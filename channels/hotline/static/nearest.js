// The three places for suggestions. A place is touched only when what it shows changes, so nothing flickers or moves.

import { blankOf, mark, renew } from './marked.js';
import { word } from './words.js';

class Place {
  constructor(node) {
    this.node = node;
    this.blank = blankOf(node);
    this.key = '';
    this.part = (name) => node.querySelector(`.js-${name}`);
  }

  clear() {
    this.key = '';
    this.node.hidden = true;
  }

  show(suggestion) {
    const key = JSON.stringify([suggestion.entry.id, suggestion.fit, suggestion.marks]);
    if (key === this.key) {
      return;
    }
    this.key = key;
    const { entry, fit, marks } = suggestion;
    if (entry.id !== this.node.dataset.entry) {
      renew(this.node, this.blank);
    }
    const { source } = entry;
    const kind = source.official ? 'official' : 'repost';
    this.node.hidden = false;
    this.node.dataset.entry = entry.id;
    this.node.dataset.fit = fit;
    this.part('fit').textContent = word('fit', fit);
    this.part('city').textContent = word('city', entry.city);
    this.part('tag').textContent = word('source', kind);
    this.part('tag').classList.toggle('tag--repost', !source.official);
    this.part('source').textContent = source.document;
    mark(this.part('near-question'), entry.question, marks.question);
    mark(this.part('near-answer'), entry.answer, marks.answer);
  }

  select(isSelected) {
    this.node.setAttribute('aria-selected', String(isSelected));
  }

  done(name) {
    const node = this.part('done');
    if ((node.dataset.done || '') !== name) {
      node.textContent = name ? word('done', name) : '';
      node.dataset.done = name;
    }
  }
}

export class Nearest {
  /** `onChosen(suggestion, byAgent)` tells which one is chosen, if any. */
  constructor(list, box, onChosen) {
    Object.assign(this, { list, box, onChosen });
    this.places = Array.from(list.querySelectorAll('.js-near')).map((node) => new Place(node));
    this.found = [];
    this.at = 0;
    this.wanted = null;
    list.addEventListener('mousedown', (event) => event.preventDefault()); // the box keeps the focus
    list.addEventListener('click', (event) => this.clicked(event));
  }

  get chosen() {
    return this.found[this.at] || null;
  }

  /** Shows suggestions; what the agent chose stays chosen while it is among them. `doneOf(entryId)` names a mark. */
  show(found, doneOf) {
    this.found = found;
    this.places.forEach((place, i) => (found[i] ? place.show(found[i]) : place.clear()));
    const kept = found.findIndex((one) => one.entry.id === this.wanted);
    this.wanted = kept < 0 ? null : this.wanted;
    this.box.setAttribute('aria-expanded', String(found.length > 0));
    this.mark(doneOf);
    this.select(Math.max(kept, 0), false);
  }

  /** Tells, also to a screen reader, that others may come in a moment. */
  wait(is) {
    this.list.setAttribute('aria-busy', String(is));
  }

  mark(doneOf) {
    this.found.forEach((one, i) => this.places[i].done(doneOf(one.entry.id)));
  }

  move(step) {
    if (this.found.length) {
      this.choose((this.at + step + this.found.length) % this.found.length);
    }
  }

  choose(at) {
    this.wanted = this.found[at].entry.id;
    this.select(at, true);
  }

  select(at, byAgent) {
    this.at = at;
    this.places.forEach((place, i) => place.select(i === at && i < this.found.length));
    if (this.chosen) {
      this.box.setAttribute('aria-activedescendant', this.places[at].node.id);
    } else {
      this.box.removeAttribute('aria-activedescendant');
    }
    this.onChosen(this.chosen, byAgent);
  }

  clicked(event) {
    const at = this.places.findIndex((place) => place.node.contains(event.target));
    if (at >= 0) {
      this.choose(at);
      this.box.focus();
    }
  }
}
