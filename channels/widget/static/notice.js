// One short notice above the field, with what can be done about it. Its words stand in the page.

import { phrase } from './template.js';

export class Notice {
  constructor(node) {
    this.node = node;
    this.text = node.querySelector('.js-notice-text');
    this.buttons = Array.from(node.querySelectorAll('[data-action]'));
    this.buttons.forEach((button) => button.addEventListener('click', () => this.chosen(button.dataset.action)));
  }

  /** `name`: which words; `action`: `retry`, `restart` or nothing. */
  show(name, values, action) {
    this.showWords(phrase(this.node.dataset[name], values || {}), action);
  }

  showWords(words, action) {
    this.node.hidden = false;
    this.text.textContent = words;
    this.buttons.forEach((button) => {
      button.hidden = button.dataset.action !== 'dismiss' && button.dataset.action !== action;
    });
  }

  hide() {
    this.node.hidden = true;
    this.text.textContent = '';
  }

  focusAction(action) {
    this.buttons.find((button) => button.dataset.action === action).focus();
  }

  chosen(action) {
    this.hide();
    this.node.dispatchEvent(new CustomEvent(`chat:${action}`, { bubbles: true }));
  }
}
