// The field for the parent's words. It is emptied only into a message; what fails comes back.

function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

export class Composer {
  constructor(form, draft, notice) {
    this.form = form;
    this.draft = draft;
    this.notice = notice;
    this.text = form.querySelector('.js-text');
    this.send = form.querySelector('.js-send');
    this.text.value = draft.read();
    this.text.addEventListener('input', () => this.changed());
    this.text.addEventListener('keydown', (event) => this.keyPressed(event));
    form.addEventListener('submit', (event) => this.submitted(event));
    window.addEventListener('resize', () => this.fit());
    form.querySelectorAll('.js-quick').forEach((button) => {
      button.addEventListener('click', () => this.tell(button.dataset.text, false));
    });
    this.fit();
  }

  get value() {
    return this.text.value.trim();
  }

  keyPressed(event) {
    if (event.key === 'Enter' && !event.shiftKey && !isComposing(event)) {
      this.submitted(event);
    }
  }

  submitted(event) {
    event.preventDefault();
    this.submit();
  }

  submit() {
    const count = Array.from(this.value).length;
    const max = Number(this.form.dataset.max);
    if (count > max) {
      this.notice.show('tooLong', { max, count });
    } else if (count > 0 && !this.send.disabled) {
      this.tell(this.value, true);
    }
    this.focus();
  }

  tell(text, typed) {
    this.form.dispatchEvent(new CustomEvent('chat:text', { bubbles: true, detail: { text, typed } }));
  }

  /** Empties the field; the draft keeps the words until the server has them. */
  empty() {
    this.text.value = '';
    this.fit();
  }

  /** Words that failed come back, before anything typed since. */
  restore(text) {
    this.text.value = [text, this.value].filter(Boolean).join('\n');
    this.changed();
  }

  changed() {
    this.draft.write(this.text.value);
    this.fit();
  }

  fit() {
    this.text.style.height = 'auto';
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, window.innerHeight * 0.3)}px`;
  }

  setBusy(busy) {
    this.send.disabled = busy;
    this.form.querySelectorAll('.js-quick').forEach((button) => button.setAttribute('aria-disabled', String(busy)));
  }

  focus() {
    this.text.focus({ preventScroll: true });
  }
}
