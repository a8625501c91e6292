// Official answers near to what is typed, of which one can be chosen as the one that was not enough.

import { tell } from './say.js';
import { Searcher } from './searcher.js';
import { entryValues } from './suggest.js';
import { copyOf, fillSlots } from './template.js';

const LONGEST = 200;

export class NearAnswers {
  /** `onChosen()` is called when another one, or none, is chosen; `chosen` is its id and question, or null. */
  constructor(form, pause, onChosen) {
    Object.assign(this, { onChosen, chosen: null });
    this.list = form.querySelector('.js-new-answers');
    this.status = form.querySelector('.js-new-status');
    this.none = form.querySelector('[name="entry_id"][value=""]');
    this.searcher = new Searcher('/api/v1/suggestions', pause, {
      onFound: (text, found) => this.show(found), onFailed: () => this.say('failed'),
    });
    this.none.addEventListener('change', () => this.choose(null));
  }

  /** Begins anew, with an answer that was chosen before. */
  use(chosen, question, place) {
    this.chosen = chosen;
    this.show({ suggestions: [] });
    this.say('');
    this.ask(question, place);
  }

  /** Asks for what is near; an answer of another city can't stay. */
  ask(question, place, isElsewhere) {
    if (isElsewhere) {
      this.chosen = null;
      this.none.checked = true;
    }
    if (question && place.city) {
      this.searcher.ask(question.slice(0, LONGEST), place);
    } else {
      this.searcher.forget();
      this.show({ suggestions: [] });
      this.say('');
    }
  }

  say(name) {
    tell(this.status, name && this.status.dataset[name]);
  }

  choose(chosen) {
    this.chosen = chosen;
    this.onChosen();
  }

  /** What is chosen stays first in the list, although it is not near any more; who stands in the list keeps the place. */
  show({ suggestions }) {
    const id = this.list.contains(document.activeElement) && document.activeElement.value;
    const entries = suggestions.map(({ entry }) => entry);
    const isGone = this.chosen && !entries.some((entry) => entry.id === this.chosen.id);
    this.list.textContent = '';
    (isGone ? [this.chosen] : []).concat(entries).forEach((entry) => this.list.appendChild(this.item(entry)));
    this.none.checked = !this.chosen;
    this.say(entries.length || isGone ? '' : 'none');
    const focused = id && Array.from(this.list.querySelectorAll('input')).find(({ value }) => value === id);
    if (focused) {
      focused.focus();
    }
  }

  item(entry) {
    const { id, question, answer, source } = entry;
    const item = fillSlots(copyOf('js-answer'), entryValues(entry));
    const choice = item.querySelector('input');
    choice.value = id;
    choice.checked = Boolean(this.chosen) && this.chosen.id === id;
    choice.addEventListener('change', () => this.choose({ id, question, answer, source }));
    return item;
  }
}
