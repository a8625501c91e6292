// What was said, in order; the newest is brought into view.

import { AnswerCard } from './answer_card.js';
import { CaseCard } from './case_card.js';
import { since } from './dates.js';
import { FileLine } from './file_line.js';
import { OptionList } from './option_list.js';
import { copyOf, fillSlots } from './template.js';
import { TicketCard } from './ticket_card.js';

class Words {
  constructor(message) {
    this.text = message.text;
  }

  render() {
    return fillSlots(copyOf('js-words'), { text: this.text });
  }
}

const NEAR_PX = 120;
const APART_MS = 20000;
const RENDERERS = {
  answer: AnswerCard, case: CaseCard, file: FileLine, options: OptionList, text: Words, ticket: TicketCard,
};

export class MessageLog {
  constructor(node, scroller, shelf) {
    this.node = node;
    this.scroller = scroller;
    this.shelf = shelf;
    this.clear();
  }

  clear() {
    this.node.textContent = '';
    this.lastAuthor = null;
    this.group = null;
  }

  /** Adds messages of one author; those that follow one another stand under one name. */
  add(author, messages, at) {
    if (author === 'parent') {
      this.retire('[data-purpose="feedback"]');
    }
    messages.filter(({ type }) => type === 'ticket').forEach(({ ticket }) => {
      this.retire(`[data-ticket="${ticket.id}"] .js-attach-area`);
    });
    const time = at || new Date().toISOString();
    if (author !== this.lastAuthor || author === 'parent' || this.isLater(time)) {
      this.openGroup(author, time);
    }
    const body = this.group.querySelector('.js-said-body');
    messages.filter((message) => RENDERERS[message.type]).forEach((message) => {
      body.appendChild(new RENDERERS[message.type](message, this.shelf).render());
    });
    return this.group;
  }

  /** Whether something was said long enough after the last group to stand under a time of its own. */
  isLater(at) {
    return new Date(at) - new Date(this.group.querySelector('time').dateTime) > APART_MS;
  }

  openGroup(author, at) {
    const group = copyOf('js-said');
    const names = group.querySelector('[data-slot="author"]').dataset;
    group.classList.add(`said--${author}`);
    fillSlots(group, { author: names[author], time: since(at) });
    group.querySelector('time').dateTime = at;
    this.node.appendChild(group);
    this.group = group;
    this.lastAuthor = author;
  }

  /** Takes back words that did not reach the server. */
  remove(group) {
    group.remove();
    this.group = null;
    this.lastAuthor = null;
  }

  /** "Was this it?" is asked of the last answer only, and files go by a ticket's last card. */
  retire(selector) {
    this.node.querySelectorAll(selector).forEach((old) => {
      if (old.contains(document.activeElement)) {
        this.scroller.focus({ preventScroll: true });
      }
      old.remove();
    });
  }

  /** Brings a group's beginning to the top, or as far as there is something below it. */
  show(group) {
    const box = this.scrollBox();
    const top = box === this.scroller ? this.scroller.getBoundingClientRect().top : 0;
    box.scrollTop += group.getBoundingClientRect().top - top - 8;
  }

  /** Whether the newest is in view. */
  atEnd() {
    const box = this.scrollBox();
    return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
  }

  showEnd() {
    const box = this.scrollBox();
    box.scrollTop = box.scrollHeight;
  }

  /** In a low window the whole page scrolls, else the talk alone. */
  scrollBox() {
    const scrolls = getComputedStyle(this.scroller).overflowY === 'auto';
    return scrolls ? this.scroller : document.scrollingElement;
  }
}
