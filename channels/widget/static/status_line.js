// Which city this conversation is about, and whether a person has taken it over.

export class StatusLine {
  constructor(scope, owner) {
    this.scope = scope;
    this.owner = owner;
  }

  /** Takes whichever of city, district, stage and owner the state tells. */
  apply(state) {
    if ('city' in state) {
      const parts = [this.scope.dataset[state.city], state.district, state.stage].filter(Boolean);
      this.scope.textContent = parts.join(' · ');
      this.scope.hidden = parts.length === 0;
    }
    if ('owner' in state) {
      this.owner.hidden = state.owner !== 'person';
      this.owner.textContent = this.owner.hidden ? '' : this.owner.dataset.person;
    }
  }
}
