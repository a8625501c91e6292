// Who is there and from where, as the host page tells it. Each change opens the conversation that belongs to it.

// A guardian signed in before: the host is given this long to sign them in again before they are a guest.
const SIGN_IN_MS = 4000;
const HELLO_MS = 1500;

function withoutEmpty(scope) {
  return ['city', 'district', 'stage'].reduce((clean, name) => (
    scope[name] ? Object.assign(clean, { [name]: scope[name] }) : clean
  ), {});
}

export class Visitor {
  constructor(chat, session, host) {
    this.chat = chat;
    this.session = session;
    this.host = host;
    this.queue = Promise.resolve();
    this.hasOpened = false;
  }

  /** The page is ready; without a host the talk opens at once, else when the host has answered. */
  arrive(scope) {
    this.scope = withoutEmpty(scope);
    if (!this.host.isThere) {
      this.open(null);
      return;
    }
    this.host.tell('ready');
    this.openLater(HELLO_MS);
  }

  openLater(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(null), delay);
  }

  open(token) {
    this.next(() => this.chat.open(this.scope, token));
  }

  /** One thing after the other, so that two changes never open two conversations. */
  next(change) {
    clearTimeout(this.timer);
    this.hasOpened = true;
    this.queue = this.queue.then(change);
  }

  told(message) {
    const handlers = { start: 'started', token: 'signedIn', scope: 'moved', 'sign-out': 'signedOut', shown: 'shown' };
    if (Object.prototype.hasOwnProperty.call(handlers, message.type)) {
      this[handlers[message.type]](message);
    }
  }

  started({ scope, token, isGuest }) {
    if (this.hasOpened) {
      return;
    }
    this.scope = withoutEmpty(scope);
    if (!token && !isGuest && this.session.hasSignedIn(this.scope)) {
      this.openLater(SIGN_IN_MS);
    } else {
      this.open(token);
    }
  }

  signedIn({ token }) {
    this.next(() => this.renew(token));
  }

  /** Where its guardian is signed in already a token renews, and nothing moves; else their conversation is opened. */
  async renew(token) {
    const answer = await this.session.renew(this.chat.conversation, token);
    if (answer === 'apart') {
      await this.chat.open(this.scope, token);
    } else if (answer === 'refused') {
      await this.chat.open(this.scope, null, 'tokenRejected'); // the family's talk is put away
    }
  }

  signedOut() {
    if (this.hasOpened) {
      this.queue = this.queue.then(() => this.chat.signOut());
    } else {
      this.open(null);
    }
  }

  moved({ scope }) {
    const { conversation } = this.chat;
    this.scope = withoutEmpty(scope);
    this.open(null);
    if (conversation && conversation.signedIn) {
      this.queue.then(() => this.host.tell('token-needed'));
    }
  }

  shown() {
    this.chat.composer.focus();
  }
}
