// A family's own application: its state, what stands in the way, what to do now.

import { layOut } from './answer_layout.js';
import { day, moment } from './dates.js';
import { copyOf, fillSlots, keepParts } from './template.js';

export class CaseCard {
  constructor(message) {
    this.application = message.application;
  }

  render() {
    const it = this.application;
    const node = copyOf('js-case');
    const problems = it.problems || [];
    const list = node.querySelector('[data-part="problem-list"]');
    problems.forEach(({ item, reason }) => list.appendChild(fillSlots(copyOf('js-problem'), { item, reason })));
    if (it.official_quote) {
      layOut(node.querySelector('.js-quote-text'), it.official_quote.text);
    }
    fillSlots(node, {
      state: it.state, since: day(it.since), meaning: it.meaning, next: it.next, child: it.child, school: it.school,
      window: this.windowWord(node), id: it.id, as_of: moment(it.as_of),
    });
    return keepParts(node, {
      meaning: it.meaning, problems: problems.length, next: it.next, child: it.child, school: it.school,
      window: typeof it.window_open === 'boolean', quote: it.official_quote,
    });
  }

  windowWord(node) {
    const words = node.querySelector('[data-slot="window"]').dataset;
    return this.application.window_open ? words.open : words.closed;
  }
}
