// The page's words, which stand in its templates.

import { phrase } from './template.js';

const words = document.getElementById('js-words').content;

export function word(kind, name) {
  return words.querySelector(`[data-${kind}="${name}"]`).textContent;
}

/** A status line: `say(name, values)` shows the sentence of that name from the node's data. */
export function sayer(node) {
  return (name, values) => {
    node.textContent = name ? phrase(node.dataset[name], values || {}) : '';
  };
}
