// The suggestions for what is typed, the chosen one, and what the agent does with it.

import { Chosen, copyText } from './chosen.js';
import { copy } from './clipboard.js';
import { Deeds } from './deeds.js';
import { Nearest } from './nearest.js';
import { Searcher } from './searcher.js';
import { Verdict } from './verdict.js';

const CHOSEN_MS = 500;
const ASKED_MS = 1500;

export class Answers {
  /** `part(name)` finds the page's nodes; `touch()` begins the call; `say(name, values)` tells the agent. */
  constructor(part, { suggestions, pause }, recorder, { touch, say }) {
    Object.assign(this, { part, touch, say });
    this.text = '';
    this.asked = '';
    this.deeds = new Deeds(recorder);
    this.chosen = new Chosen(part('chosen'));
    this.verdict = new Verdict(part('verdict'), part('announce'), () => this.found());
    this.nearest = new Nearest(part('nearest'), part('question'), (one, byAgent) => this.showChosen(one, byAgent));
    this.searcher = new Searcher(suggestions, Number(pause), {
      onWaiting: (is) => this.nearest.wait(is),
      onFound: (text, found) => this.show(text, found),
      onFailed: (error) => this.verdict.fail(error),
    });
  }

  /** Asks for suggestions; what stands still without any is a question all the same. */
  ask(text, place, pause) {
    this.asked = text;
    this.searcher.ask(text, place, pause);
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.displayed(), ASKED_MS);
  }

  clear() {
    this.text = '';
    clearTimeout(this.asking);
    this.searcher.forget();
    this.verdict.forget();
    this.nearest.show([], () => '');
  }

  reset() {
    this.deeds.reset();
    this.clear();
  }

  show(text, found) {
    this.text = text;
    this.verdict.show(found);
    this.nearest.show(found.suggestions, (entryId) => this.deeds.of(entryId));
  }

  showChosen(suggestion, byAgent) {
    this.chosen.show(suggestion);
    ['told', 'copy', 'wrong'].forEach((name) => { this.part(name).disabled = !suggestion; });
    clearTimeout(this.choosing);
    if (byAgent) {
      const { text } = this;
      this.choosing = setTimeout(() => this.deeds.did('chosen', suggestion.entry.id, text), CHOSEN_MS);
    }
  }

  found() {
    this.nearest.found.forEach((one) => this.deeds.did('displayed', one.entry.id, this.text));
  }

  /** Records what was shown and, if its words have changed since, what is asked now. */
  displayed() {
    this.found();
    if (this.searcher.isWaiting) {
      this.deeds.did('asked', '', this.asked);
    }
  }

  /** The chosen suggestion, or null: nothing is done with one that was found for words that have changed since. */
  usable() {
    const one = this.nearest.chosen;
    if (one && !this.searcher.isWaiting) {
      return one;
    }
    this.say(one ? 'stale' : 'nothing');
    return null;
  }

  /** Records a deed with the chosen suggestion and says so; whether there was one. */
  deed(kind) {
    const one = this.usable();
    if (one) {
      this.record(kind, one, this.text);
    }
    return Boolean(one);
  }

  record(kind, one, question) {
    this.touch();
    this.displayed();
    this.deeds.did(kind, one.entry.id, question);
    this.nearest.mark((entryId) => this.deeds.of(entryId));
    this.say(kind, { question: one.entry.question });
  }

  /** Copies the chosen answer with its source; whether it was copied. */
  async copy() {
    const { text } = this;
    const one = this.usable();
    if (!one) {
      return false;
    }
    if (!(await copy(copyText(one)))) {
      this.say('copyFailed');
      return false;
    }
    this.record('copied', one, text);
    return true;
  }
}
