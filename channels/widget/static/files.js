// Files on their way to a ticket: chosen from the phone, sent one after the other, kept until they have arrived.

import { copyOf, fillSlots, phrase } from './template.js';
import { newKey, refusal } from './upload.js';

const WORDS = { 0: 'network', 429: 'tooMany' };

export class Files {
  /** `parts`: root, list, picker, api, shelf, arrived(): a file is on the ticket now, leave(): the focus has lost its place. */
  constructor(parts) {
    Object.assign(this, parts);
    this.conversation = null;
    this.items = [];
    this.rules = { most: Number(this.picker.dataset.most), types: this.picker.accept.split(',') };
    this.root.addEventListener('chat:attach', (event) => this.pick(event.detail));
    this.picker.addEventListener('change', () => this.picked());
    window.addEventListener('beforeunload', (event) => this.leaving(event));
  }

  /** The conversation on the page; what was on its way into another one is dropped. */
  use(conversation) {
    if (this.conversation && this.conversation.id !== conversation.id) {
      this.items.slice().forEach((item) => this.remove(item));
    }
    this.conversation = conversation;
    this.shelf.use(conversation);
  }

  pick({ ticketId }) {
    this.ticketId = ticketId;
    this.picker.click();
  }

  picked() {
    const chosen = Array.from(this.picker.files).map((file) => this.itemOf(file));
    this.picker.value = ''; // so that the same file can be chosen again
    chosen.forEach((item) => this.check(item));
    this.next();
    if (chosen.length) {
      chosen[0].node.scrollIntoView({ block: 'nearest' });
    }
  }

  itemOf(file) {
    const node = fillSlots(copyOf('js-upload'), { name: file.name });
    const part = (name) => node.querySelector(`.js-upload-${name}`);
    const item = { file, node, key: newKey(), ticketId: this.ticketId, state: 'waiting' };
    Object.assign(item, { bar: part('bar'), status: part('status'), retry: part('retry'), drop: part('drop') });
    [item.bar, item.retry, item.drop].forEach((one) => {
      one.setAttribute('aria-label', one.dataset.label.replace('{name}', file.name));
    });
    item.retry.addEventListener('click', () => { this.turn(item, 'waiting'); item.drop.focus(); this.next(); });
    item.drop.addEventListener('click', () => this.remove(item));
    this.list.appendChild(node);
    this.list.hidden = false;
    this.items.push(item);
    return item;
  }

  check(item) {
    const why = refusal(item.file, this.rules);
    this.turn(item, why ? 'refused' : 'waiting', why);
  }

  /** `state`: waiting, sending, failed (may be tried again), refused. `words`: a name of ours, or what the server says. */
  turn(item, state, words, values) {
    const own = item.status.dataset[words || state];
    Object.assign(item, { state });
    item.node.dataset.state = state;
    item.status.textContent = own ? phrase(own, values || {}) : words;
    item.bar.hidden = state !== 'sending';
    item.retry.hidden = state !== 'failed';
  }

  next() {
    const item = this.items.find(({ state }) => state === 'waiting');
    if (item && !this.items.some(({ state }) => state === 'sending')) {
      this.send(item);
    }
  }

  async send(item) {
    const { conversation } = this;
    this.turn(item, 'sending');
    item.bar.value = 0;
    const progress = (percent) => { item.bar.value = percent; };
    item.sending = this.api.addFile(conversation, item, { progress });
    try {
      await item.sending.done;
      this.remove(item);
      this.arrived();
    } catch (error) {
      this.failed(item, error);
    }
    this.next();
  }

  failed(item, error) {
    if (!this.items.includes(item)) {
      return; // taken back meanwhile
    }
    if (error.status === 401) {
      this.turn(item, 'refused', 'expired'); // the conversation is no more: no later try can succeed
    } else if (!error.passes && error.message) {
      this.turn(item, 'refused', error.message);
    } else {
      this.turn(item, 'failed', WORDS[error.status] || 'failed', { seconds: error.retryAfter });
    }
  }

  remove(item) {
    const hadFocus = item.node.contains(document.activeElement);
    this.items = this.items.filter((one) => one !== item);
    if (item.state === 'sending' && item.sending) {
      item.sending.stop();
    }
    item.node.remove();
    this.list.hidden = this.items.length === 0;
    if (hadFocus) {
      this.leave();
    }
  }

  /** Whoever closes the page is asked first, while a file could still be sent. */
  leaving(event) {
    if (this.items.some(({ state }) => state !== 'refused')) {
      event.preventDefault();
      event.returnValue = '';
    }
  }
}
