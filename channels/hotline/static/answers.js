// The suggestions for what is typed, the chosen one, and what the agent does with it.

import { Chosen, copyText } from './chosen.js';
import { copy } from './clipboard.js';
import { Deeds } from './deeds.js';
import { Nearest } from './nearest.js';
import { Searcher } from './searcher.js';
import { Verdict } from './verdict.js';

const CHOSEN_MS = 500;

export class Answers {
  /** `part(name)` finds the page's nodes; `touch()` begins the call; `say(name, values)` tells the agent. */
  constructor(part, { suggestions, pause }, recorder, { touch, say }) {
    Object.assign(this, { part, touch, say });
    this.text = '';
    this.deeds = new Deeds(recorder);
    this.chosen = new Chosen(part('chosen'));
    this.verdict = new Verdict(part('verdict'), part('announce'), () => this.displayed());
    this.nearest = new Nearest(part('nearest'), part('question'), (one, byAgent) => this.showChosen(one, byAgent));
    const shown = (text, found) => this.show(text, found);
    this.searcher = new Searcher(suggestions, Number(pause), shown, () => this.verdict.fail());
  }

  ask(text, place, pause) {
    this.searcher.ask(text, place, pause);
  }

  clear() {
    this.text = '';
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

  displayed() {
    this.nearest.found.forEach((one) => this.deeds.did('displayed', one.entry.id, this.text));
  }

  /** Records a deed with the chosen suggestion and says so; false if none is chosen. */
  deed(kind) {
    const one = this.nearest.chosen;
    if (!one) {
      this.say('nothing');
      return false;
    }
    this.touch();
    this.displayed();
    this.deeds.did(kind, one.entry.id, this.part('question').value.trim() || this.text);
    this.nearest.mark((entryId) => this.deeds.of(entryId));
    this.say(kind, { question: one.entry.question });
    return true;
  }

  /** Copies the chosen answer with its source; whether it was copied. */
  async copy() {
    const one = this.nearest.chosen;
    if (one && !(await copy(copyText(one)))) {
      this.say('copyFailed');
      return false;
    }
    return this.deed('copied');
  }
}
