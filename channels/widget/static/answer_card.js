// A published answer: its question, the part that applies, the whole answer, its source.

import { layOut } from './answer_layout.js';
import { copyOf, fillSlots, keepParts } from './template.js';

export class AnswerCard {
  constructor(message) {
    this.message = message;
  }

  render() {
    const { entry, applies, note } = this.message;
    const source = entry.source;
    const node = fillSlots(copyOf('js-answer'), Object.assign({ question: entry.question, note }, {
      source: source.document, document: source.document, publisher: source.publisher, number: source.number,
      branch: this.branchName(),
    }));
    node.dataset.entry = entry.id;
    if (applies) {
      layOut(node.querySelector('.js-applies-text'), applies.text);
    }
    layOut(node.querySelector('.js-answer-text'), entry.answer);
    return keepParts(node, { applies, whole: applies, official: source.official, repost: !source.official });
  }

  /** A branch is named only by words, never by an identifier. */
  branchName() {
    const name = this.message.applies ? this.message.applies.branch : '';
    return /^[\w-]*$/.test(name || '') ? '' : name;
  }
}
