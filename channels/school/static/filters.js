// The filters of the list: the form, the address, and going back to none.

import { filtersIn, filtersOf, hiddenCount, showFilters } from './address.js';
import { phrase } from './template.js';

const TYPING_MS = 350;
const WIDE = 1100;

export class Filters {
  /** `onChange(filters)` is called once they stand still. */
  constructor(form, onChange) {
    Object.assign(this, { form, onChange });
    this.more = form.querySelector('.js-more');
    this.clear = form.querySelector('.js-clear');
    this.value = new URLSearchParams();
    form.addEventListener('submit', (event) => { event.preventDefault(); this.changed(0); });
    form.addEventListener('change', () => this.changed(0));
    form.addEventListener('input', (event) => event.target.type === 'search' && this.changed(TYPING_MS));
    this.clear.addEventListener('click', () => { showFilters(this.form, new URLSearchParams()); this.changed(0); });
    this.more.open = window.innerWidth >= WIDE;
  }

  /** Shows what an address says. */
  show(search) {
    this.value = showFilters(this.form, filtersOf(search));
    this.note();
    if (hiddenCount(this.value)) {
      this.more.open = true;
    }
  }

  changed(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const value = filtersIn(this.form);
      if (value.toString() !== this.value.toString()) {
        this.value = value;
        this.note();
        this.onChange(value);
      }
    }, pause);
  }

  note() {
    const count = hiddenCount(this.value);
    const chosen = this.form.querySelector('.js-chosen');
    chosen.textContent = count ? phrase(chosen.dataset.text, { count }) : '';
    this.clear.hidden = !this.value.toString();
    if (this.clear.hidden && document.activeElement === this.clear) {
      this.form.elements.number.focus();
    }
  }
}
