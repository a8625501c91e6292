// Which city this conversation is about, and whether a person has taken it over.

import { phrase } from './template.js';

export class StatusLine {
  constructor(scope, owner) {
    this.scope = scope;
    this.owner = owner;
  }

  /** Whether a person speaks with the parent, so that no answer is looked for. */
  get isPerson() {
    return !this.owner.hidden;
  }

  /** Takes whichever of city, district, stage and owner with role the state tells. */
  apply(state) {
    if ('city' in state) {
      const parts = [this.scope.dataset[state.city], state.district, state.stage].filter(Boolean);
      this.scope.textContent = parts.join(' · ');
      this.scope.hidden = parts.length === 0;
    }
    if ('owner_role' in state) {
      this.speaks(state.owner, state.owner_role);
    }
  }

  /** Says who speaks: the bot, or a person of a role. The line is shown first, so that its words are read out. */
  speaks(owner, role) {
    const words = owner === 'person' ? phrase(this.owner.dataset.person, { role: this.owner.dataset[role] || '' }) : '';
    this.owner.hidden = words === '';
    if (this.owner.textContent !== words) {
      this.owner.textContent = words;
    }
  }
}
