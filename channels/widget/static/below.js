// Brings what others said into view, or tells that it came below what is in view, and leads there.

export class Below {
  constructor(button, log) {
    Object.assign(this, { button, log, first: null });
    button.addEventListener('click', () => this.go());
    // Caught on its way down, since it may be the talk that scrolls, or the page.
    window.addEventListener('scroll', () => this.log.atEnd() && this.hide(), true);
  }

  /** The newest in the log: a person's words are shown at once, the bot's if the end was in view; else they are told of. */
  bring(author, wasAtEnd) {
    const newest = this.log.group.querySelector('.js-said-body').lastElementChild || this.log.group;
    if (author === 'person' || wasAtEnd) {
      this.log.show(newest);
    } else if (author === 'bot') {
      this.first = this.first || newest;
      this.button.hidden = false;
    }
  }

  hide() {
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
