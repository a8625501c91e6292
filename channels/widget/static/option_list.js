// Buttons to choose from. A click tells the chat which one by the event `chat:option`.

import { copyOf, fillSlots } from './template.js';

let groups = 0;

export class OptionList {
  constructor(message) {
    this.message = message;
  }

  render() {
    const node = fillSlots(copyOf('js-options'), { text: this.message.text });
    node.dataset.purpose = this.message.purpose || '';
    this.label(node);
    const list = node.querySelector('ul');
    this.message.options.forEach((option) => list.appendChild(this.button(option)));
    return node;
  }

  label(node) {
    const text = node.querySelector('.options__text');
    if (text) {
      groups += 1;
      text.id = `options-${groups}`;
      node.setAttribute('aria-labelledby', text.id);
    }
  }

  button(option) {
    const item = copyOf('js-option');
    fillSlots(item, { label: option.label });
    item.querySelector('button').addEventListener('click', (event) => {
      const detail = { payload: option.payload, label: option.label };
      event.currentTarget.dispatchEvent(new CustomEvent('chat:option', { bubbles: true, detail }));
    });
    return item;
  }
}
