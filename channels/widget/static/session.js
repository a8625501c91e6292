// Which conversation this is: a kept one resumed, or a new one, with or without a signed-in guardian.

import { ApiError } from './api.js';

const GONE = [401, 404];

export class Session {
  constructor(api, keeper) {
    this.api = api;
    this.keeper = keeper;
  }

  /** Resumes or starts; gives the conversation with everything said, and `notice`: what to tell about it. */
  async open(scope, token, notice) {
    this.keeper.useScope(scope);
    const resumed = token ? await this.resumeSignedIn(token) : await this.resume('guest');
    const opened = resumed.conversation ? resumed : await this.start(scope, resumed.rejected ? null : token);
    return Object.assign(opened, { notice: notice || opened.notice || resumed.notice });
  }

  /**
   * Hands in a fresh token for the conversation on the page. Gives `refused`, `apart` where the token belongs to none or to
   * another conversation, else `kept`: also when nobody answers, since the sign-in stands and the host comes again.
   */
  async renew(conversation, token) {
    if (!conversation || !conversation.signedIn) {
      return 'apart';
    }
    try {
      await this.api.signIn(conversation, token);
      return 'kept';
    } catch (error) {
      if (error.code === 'token_rejected') {
        return 'refused';
      }
      return error.status === 409 || GONE.includes(error.status) ? 'apart' : 'kept';
    }
  }

  async resume(kind) {
    const kept = this.keeper.read(kind);
    if (!kept) {
      return {};
    }
    try {
      return this.opened(kept, await this.api.read(kept, 0));
    } catch (error) {
      return this.lost(error, kind);
    }
  }

  /** The guardian's own conversation first, else the one begun before signing in. */
  async resumeSignedIn(token) {
    let notice = null;
    for (const kind of ['signed', 'guest']) {
      const kept = this.keeper.read(kind);
      const result = kept ? await this.signInto(kept, kind, token) : {};
      notice = result.notice || notice;
      if (result.conversation || result.rejected) {
        return Object.assign(result, { notice });
      }
    }
    return { notice };
  }

  async signInto(kept, kind, token) {
    try {
      await this.api.signIn(kept, token);
      this.keeper.drop(kind);
      return this.opened(kept, await this.api.read(kept, 0), true);
    } catch (error) {
      if (error instanceof ApiError && error.code === 'token_rejected') {
        const guest = await this.resume('guest');
        return Object.assign(guest, { notice: 'tokenRejected', rejected: true });
      }
      if (error instanceof ApiError && error.status === 409) {
        this.keeper.drop(kind);
        return { notice: 'otherGuardian' };
      }
      return this.lost(error, kind);
    }
  }

  lost(error, kind) {
    if (!GONE.includes(error.status)) {
      throw error;
    }
    this.keeper.drop(kind);
    return { notice: 'expired' };
  }

  /** Starts a new conversation; a refused token does not keep a parent from asking. */
  async start(scope, token) {
    try {
      const reply = await this.api.create(Object.assign({}, scope, token ? { token } : {}));
      return this.opened({ id: reply.conversation_id, secret: reply.secret }, reply, Boolean(token));
    } catch (error) {
      if (token && error.code === 'token_rejected') {
        return Object.assign(await this.start(scope, null), { notice: 'tokenRejected', rejected: true });
      }
      throw error;
    }
  }

  opened(kept, reply, signedIn) {
    const conversation = { id: kept.id, secret: kept.secret, signedIn: Boolean(signedIn || reply.signed_in) };
    this.keeper.write(conversation.signedIn ? 'signed' : 'guest', conversation);
    return { conversation, reply };
  }

  forget(conversation) {
    this.keeper.drop(conversation.signedIn ? 'signed' : 'guest');
  }

  hasSignedIn(scope) {
    this.keeper.useScope(scope);
    return Boolean(this.keeper.read('signed'));
  }
}
