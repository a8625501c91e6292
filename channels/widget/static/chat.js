// The talk itself: one message at a time, nothing shown twice, nothing typed lost.

import { ApiError } from './api.js';
import { EventStream } from './event_stream.js';
import { explain, SERVER_ERROR } from './explain.js';
import { Ledger } from './ledger.js';

export class Chat {
  /** `parts`: api, session, log, below, composer, notice, typing, status, draft, host, files. */
  constructor(root, parts) {
    Object.assign(this, parts);
    this.conversation = null;
    this.scope = {};
    this.busy = true;
    this.stream = new EventStream(this.api, this);
    root.addEventListener('chat:text', (event) => this.tell(event.detail.text, event.detail.typed));
    root.addEventListener('chat:option', (event) => this.choose(event.detail));
    root.addEventListener('chat:retry', () => this.retry());
    root.addEventListener('chat:restart', () => this.restart());
  }

  /** Opens the conversation of a scope; `token`: of the guardian whom the host app has signed in; `notice`: to tell. */
  open(scope, token, notice) {
    this.scope = scope;
    return this.opening(() => this.session.open(scope, token, notice));
  }

  signOut() {
    return this.conversation && this.conversation.signedIn ? this.startAfresh() : null;
  }

  /** A new conversation; who was signed in is asked for again, since a token serves one conversation only. */
  restart() {
    if (this.conversation && this.conversation.signedIn) {
      this.host.tell('token-needed');
    }
    return this.startAfresh();
  }

  startAfresh() {
    if (this.conversation) {
      this.session.forget(this.conversation);
    }
    return this.opening(() => this.session.start(this.scope, null));
  }

  async opening(open) {
    this.pause();
    this.typing.show('opening');
    try {
      this.opened(await open());
    } catch (error) {
      this.again = () => this.opening(open);
      this.notice.show('opening', {}, 'retry');
    }
    this.typing.hide();
  }

  pause() {
    this.stream.stop();
    this.conversation = null;
    this.setBusy(true);
  }

  opened({ conversation, reply, notice }) {
    this.conversation = conversation;
    this.hasAsked = this.hasAsked && !conversation.signedIn;
    this.ledger = new Ledger();
    this.waiting = [];
    this.unsure = null; // words whose connection broke: they may have arrived
    this.log.clear();
    this.files.use(conversation);
    this.setBusy(false);
    this.status.apply(reply);
    reply.messages.forEach((said) => this.take(said));
    if (reply.messages.some(({ author }) => author === 'parent')) {
      this.log.showEnd();
    }
    this.below.hide();
    this.notice.hide();
    this.tellOf(notice);
    this.stream.start();
  }

  tellOf(notice) {
    if (notice) {
      this.notice.show(notice);
    }
    if (notice === 'tokenRejected' && !this.hasAsked) {
      this.hasAsked = true; // once: a host whose tokens are always refused would never stop
      this.host.tell('token-needed');
    }
  }

  tell(text, typed) {
    if (!this.busy) {
      this.send({ text }, text, typed);
    }
  }

  choose({ payload, label }) {
    if (!this.busy) {
      this.send({ payload }, label, false);
    }
  }

  /** Sends one message. `label`: the parent's words for it; `typed`: whether they stand in the field. */
  async send(body, label, typed) {
    const sending = { conversation: this.conversation, group: null, body, label, typed };
    this.setBusy(true);
    this.notice.hide();
    try {
      if ((await this.catchUp()) !== label) {
        sending.group = this.begin(label, typed);
        this.answered(await this.api.send(sending.conversation, body), sending);
      }
    } catch (error) {
      this.failed(error, sending);
    }
    this.typing.hide();
    this.finish(sending.conversation);
  }

  begin(label, typed) {
    if (typed) {
      this.composer.empty();
    }
    const group = this.log.add('parent', [{ type: 'text', text: label }]);
    this.log.showEnd();
    this.typing.show(this.status.isPerson ? 'sending' : 'working');
    return group;
  }

  /** After a broken connection: which words had reached the server all the same. */
  async catchUp() {
    const { unsure } = this;
    if (!unsure) {
      return null;
    }
    const { messages } = await this.api.read(this.conversation, this.ledger.cursor);
    messages.forEach((said) => this.take(said));
    const arrived = this.unsure === null;
    this.unsure = null;
    return arrived ? unsure.label : null;
  }

  /** Words that seemed lost have reached the server. */
  arrived() {
    const { label, typed } = this.unsure;
    this.unsure = null;
    this.notice.hide();
    if (typed && this.composer.value === label) {
      this.composer.empty();
      this.draft.write('');
    }
  }

  answered(reply, { conversation, group, typed }) {
    if (typed) {
      this.draft.write(this.composer.value);
    }
    if (conversation !== this.conversation) {
      return;
    }
    this.ledger.answered(reply);
    if (reply.messages.length) {
      this.log.add('bot', reply.messages);
    }
    this.log.show(group);
    if (document.activeElement === document.body && document.hasFocus()) {
      this.composer.focus();
    }
  }

  finish(conversation) {
    if (conversation === this.conversation) {
      this.setBusy(false);
      this.waiting.splice(0).forEach((said) => this.take(said));
    }
  }

  failed(error, { conversation, group, body, label, typed }) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (group) {
      this.takeBack(group, body, typed);
    }
    if (conversation !== this.conversation) {
      return;
    }
    this.again = () => (typed ? this.composer.submit() : this.send(body, label, false));
    this.unsure = error.status === 0 || error.status >= SERVER_ERROR ? { label, typed } : null;
    if (error.status === 401) {
      this.startAnew();
    } else {
      explain(this.notice, error);
    }
  }

  takeBack(group, body, typed) {
    this.log.remove(group);
    if (typed) {
      this.composer.restore(body.text);
    }
  }

  async startAnew() {
    await this.restart();
    if (this.conversation) {
      this.notice.show('expired');
    }
  }

  retry() {
    if (this.again && (!this.busy || !this.conversation)) {
      const { again } = this;
      this.again = null;
      again();
    }
  }

  heard(event, data) {
    if (event !== 'message') {
      this.status.apply(data);
    } else if (this.busy) {
      this.waiting.push(data);
    } else {
      this.take(data);
    }
  }

  /** Asks for what was said since; used where nothing can be streamed. */
  async sync() {
    const { conversation } = this;
    const state = await this.api.read(conversation, this.ledger.cursor);
    if (conversation === this.conversation) {
      this.status.apply(state);
      state.messages.forEach((said) => this.heard('message', said));
    }
  }

  /** Shows something said, unless it is on the page already. */
  take(said) {
    if (this.ledger.isNew(said)) {
      if (this.unsure && said.author === 'parent' && said.message.type === 'text') {
        this.arrived();
      }
      this.below.tell(said);
    }
  }

  setBusy(busy) {
    this.busy = busy;
    this.composer.setBusy(busy);
  }
}
