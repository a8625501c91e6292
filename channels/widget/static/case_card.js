// A family's own application: its state, what stands in the way, what to do now, what comes then.

import { layOut } from './answer_layout.js';
import { day, moment } from './dates.js';
import { copyOf, fillSlots, keepParts, phrase } from './template.js';

export class CaseCard {
  constructor(message) {
    this.application = message.application;
    this.brief = message.brief;
  }

  render() {
    return this.brief ? this.oneLine() : this.whole();
  }

  /** One of several children: a line that opens. */
  oneLine() {
    const { order, child, state, since } = this.application;
    const node = fillSlots(copyOf('js-case-brief'), { name: `${order || ''} ${child}`.trim(), state, since: day(since) });
    node.appendChild(this.whole());
    return node;
  }

  whole() {
    const it = this.application;
    const node = copyOf('js-case');
    const problems = it.problems || [];
    const timeline = it.timeline || [];
    const quote = it.official_quote;
    const { source: published, note } = quote || {};
    const source = published || {};
    this.list(node, 'problem-list', problems.map(({ item, reason }) => fillSlots(copyOf('js-problem'), { item, reason })));
    this.list(node, 'timeline-list', timeline.map((reached) => this.reached(reached)));
    if (quote) {
      layOut(node.querySelector('.js-quote-text'), quote.text);
    }
    fillSlots(node, {
      title: it.id, whose: it.order ? `：${it.order} ${it.child}` : '',
      state: it.state, since: day(it.since), meaning: it.meaning, next: it.next, then: it.then, school: it.school,
      order: it.order ? `${it.order} ` : '', child: it.child, window: this.windowWord(node), id: it.id,
      as_of: moment(it.as_of), source: source.document, document: source.document, publisher: source.publisher,
      number: source.number, note,
    });
    return keepParts(node, {
      meaning: it.meaning, problems: problems.length, next: it.next, then: it.then, timeline: timeline.length > 1,
      child: it.child, school: it.school, window: typeof it.window_open === 'boolean',
      official: source.official, repost: !source.official, quote,
    });
  }

  list(node, name, items) {
    const list = node.querySelector(`[data-part="${name}"]`);
    items.forEach((item) => list.appendChild(item));
  }

  reached({ state, since }) {
    const item = fillSlots(copyOf('js-reached'), { state, since: day(since) });
    item.querySelector('time').dateTime = since;
    return item;
  }

  windowWord(node) {
    const words = node.querySelector('[data-slot="window"]').dataset;
    const { window_open: open, window_closes: until } = this.application;
    if (!open) {
      return words.closed;
    }
    return until ? phrase(words.until, { until: moment(until) }) : words.open;
  }
}
