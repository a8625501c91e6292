// Brings what others said into view, or tells that it came below what is in view, and leads there.

export class Below {
  constructor(button, log) {
    Object.assign(this, { button, log, first: null });
    button.addEventListener('click', () => this.go());
    // Caught on its way down, since it may be the talk that scrolls, or the page.
    window.addEventListener('scroll', () => this.log.atEnd() && this.hide(), true);
  }

  /** Adds what is heard: people's words and files come into view, the bot's if the end was in view; else it is told of. */
  tell({ author, message, at }) {
    const follows = this.log.atEnd() && author === 'bot';
    const group = this.log.add(author, [message], at);
    const newest = group.querySelector('.js-said-body').lastElementChild || group;
    if (author === 'person' || message.type === 'file' || follows) {
      this.log.show(newest);
    } else if (author === 'bot') {
      this.first = this.first || newest;
      this.button.hidden = false;
    }
  }

  hide() {
    if (this.button.contains(document.activeElement)) {
      this.log.scroller.focus({ preventScroll: true });
    }
    this.first = null;
    this.button.hidden = true;
  }

  go() {
    const { first } = this;
    this.log.scroller.focus({ preventScroll: true });
    this.hide();
    this.log.show(first);
  }
}
