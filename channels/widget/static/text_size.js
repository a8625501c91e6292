// Three sizes of text, remembered.

export class TextSize {
  constructor(node, storage) {
    this.storage = storage;
    this.buttons = Array.from(node.querySelectorAll('[data-size]'));
    this.buttons.forEach((button) => button.addEventListener('click', () => this.choose(button.dataset.size)));
    this.apply(storage.read('text-size') || 'standard');
  }

  choose(size) {
    this.storage.write('text-size', size);
    this.apply(size);
    window.dispatchEvent(new CustomEvent('resize'));
  }

  apply(size) {
    document.documentElement.dataset.textSize = size;
    this.buttons.forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.size === size)));
  }
}
