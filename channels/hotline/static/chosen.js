// The chosen suggestion, large: the part that applies first, the words to read aloud, the published text, its source.

import { blankOf, mark, renew, speak } from './marked.js';
import { phrase } from './template.js';
import { word } from './words.js';

function valuesOf(suggestion) {
  const { entry, note } = suggestion;
  const { document: title, publisher, number, official } = entry.source;
  const kind = word('source', official ? 'official' : 'repost');
  return {
    question: entry.question, answer: entry.answer, document: title, publisher, number, mark: kind,
    note: note ? `\n${note}` : '',
  };
}

/** The published answer with its source, as it is copied. */
export function copyText(suggestion) {
  return phrase(word('text', 'copied'), valuesOf(suggestion)).trim();
}

export class Chosen {
  constructor(node) {
    this.node = node;
    this.blank = blankOf(node.querySelector('.js-chosen-body'));
    this.key = '';
    this.part = (name) => node.querySelector(`.js-${name}`);
  }

  show(suggestion) {
    const key = suggestion ? JSON.stringify([suggestion.entry.id, suggestion.marks, suggestion.applies, suggestion.note]) : '';
    if (key === this.key) {
      return;
    }
    const isOther = !suggestion || this.node.dataset.entry !== suggestion.entry.id;
    this.key = key;
    this.part('chosen-empty').hidden = Boolean(suggestion);
    this.part('chosen-body').hidden = !suggestion;
    this.node.dataset.entry = suggestion ? suggestion.entry.id : '';
    if (suggestion) {
      renew(this.part('chosen-body'), this.blank);
      this.fill(suggestion);
    }
    if (isOther) {
      this.node.scrollTop = 0;
    }
  }

  fill(suggestion) {
    const { entry, applies, note, marks } = suggestion;
    mark(this.part('chosen-question'), entry.question, marks.question);
    mark(this.part('published'), entry.answer, marks.answer);
    this.part('chosen-note').textContent = note || '';
    this.part('applies').hidden = !applies;
    if (applies) {
      this.part('branch').textContent = phrase(word('text', 'branch'), applies);
      speak(this.part('applies-spoken'), applies.spoken);
    }
    speak(this.part('spoken'), suggestion.spoken);
    const values = valuesOf(suggestion);
    this.part('chosen-tag').textContent = values.mark;
    this.part('chosen-tag').classList.toggle('tag--repost', !entry.source.official);
    this.part('chosen-source').textContent = phrase(word('text', 'source'), values);
  }
}
