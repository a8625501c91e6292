// What the suggestions come to, seen and spoken: whether one fits, which, and what to do if none does.

import { phrase } from './template.js';
import { sayer, word } from './words.js';

const SETTLED_MS = 900;

function stateOf(found) {
  if (!found || !found.suggestions.length) {
    return 'idle';
  }
  if (found.answerable) {
    return 'match';
  }
  return found.suggestions[0].fit === 'likely' ? 'likely' : 'none';
}

function nameOf(error) {
  if (error.signedOut) {
    return 'signedOut';
  }
  return error.status ? 'busy' : 'network';
}

export class Verdict {
  /** `onSettled()` is called once the suggestions have stood still for a while. */
  constructor(node, live, onSettled) {
    Object.assign(this, { node, live, onSettled });
    this.sayFailure = sayer(node.querySelector('.js-failure'));
    this.timer = null;
    this.told = '';
  }

  show(found) {
    const state = stateOf(found);
    this.node.dataset.state = state;
    if (state === 'match') {
      const hasPart = Boolean(found.suggestions[0].applies);
      this.node.querySelector('.js-whole').hidden = hasPart;
      this.node.querySelector('.js-part-first').hidden = !hasPart;
    }
    clearTimeout(this.timer);
    if (state !== 'idle') {
      this.timer = setTimeout(() => this.settle(found, state), SETTLED_MS);
    }
  }

  fail(error) {
    this.node.dataset.state = 'failed';
    this.sayFailure(nameOf(error));
  }

  /** Says it to a screen reader: not at every keystroke, and nothing twice in a row. */
  settle(found, state) {
    const first = found.suggestions[0];
    const words = { count: found.suggestions.length, question: first.entry.question, fit: word('fit', first.fit) };
    const text = phrase(this.live.dataset[state], words);
    if (text !== this.told) {
      this.told = text;
      this.live.textContent = text;
    }
    this.onSettled();
  }

  forget() {
    this.told = '';
    this.show(null);
  }
}
