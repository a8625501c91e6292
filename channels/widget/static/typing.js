// Says that something is under way, unless it is over at once.

const DELAY_MS = 250;

export class Typing {
  constructor(node) {
    this.node = node;
    this.text = node.querySelector('.js-typing-text');
  }

  show(name) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.text.textContent = this.node.dataset[name];
      this.node.classList.add('typing--on');
    }, DELAY_MS);
  }

  hide() {
    clearTimeout(this.timer);
    this.text.textContent = '';
    this.node.classList.remove('typing--on');
  }
}
