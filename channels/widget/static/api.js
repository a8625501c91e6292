// The HTTP API. Each failure becomes an ApiError; status 0 is the network's.

import { upload } from './upload.js';

const PATIENCE_MS = 30000;
const FILE_PATIENCE_MS = 120000;

export class ApiError extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

async function errorOf(response) {
  let error = {};
  try {
    error = (await response.json()).error || {};
  } catch (failure) {
    // A proxy's page, not our error.
  }
  const seconds = Number(response.headers.get('Retry-After')) || 10;
  return new ApiError(response.status, error.code || 'unknown', error.message || '', seconds);
}

export class Api {
  constructor(base) {
    this.base = base;
  }

  create(body) {
    return this.call('POST', '', null, body);
  }

  signIn(conversation, token) {
    return this.call('PUT', `/${conversation.id}/token`, conversation, { token });
  }

  send(conversation, body) {
    return this.call('POST', `/${conversation.id}/messages`, conversation, body);
  }

  read(conversation, after) {
    return this.call('GET', `/${conversation.id}/messages?after=${after}`, conversation);
  }

  events(conversation, lastId, signal) {
    const headers = { Accept: 'text/event-stream', 'Last-Event-ID': String(lastId) };
    return this.fetch('GET', `/${conversation.id}/events`, conversation, { headers, signal });
  }

  /** The bytes of a file; `name` is its id, with a query or not. */
  file(conversation, name) {
    const options = { headers: {} };
    return this.within(FILE_PATIENCE_MS, options, async () => (
      (await this.fetch('GET', `/${conversation.id}/attachments/${name}`, conversation, options)).blob()
    ));
  }

  /** Begins to send a file: { ticketId, file, key }. */
  addFile(conversation, { ticketId, file, key }, on) {
    const address = `${this.base}/${conversation.id}/attachments?ticket_id=${encodeURIComponent(ticketId)}`;
    return upload(address, { file, key, headers: { Authorization: `Bearer ${conversation.secret}` } }, on);
  }

  call(method, path, conversation, body) {
    const options = { headers: {} };
    if (body) {
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    return this.within(PATIENCE_MS, options, async () => {
      const response = await this.fetch(method, path, conversation, options);
      return response.status === 204 ? null : response.json();
    });
  }

  /** Waits for a call no longer than that. */
  async within(patience, options, call) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    options.signal = stop.signal;
    try {
      return await call();
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(0, 'network', String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  async fetch(method, path, conversation, options) {
    const settings = Object.assign({ method, cache: 'no-store', credentials: 'omit' }, options);
    if (conversation) {
      settings.headers.Authorization = `Bearer ${conversation.secret}`;
    }
    const response = await fetch(this.base + path, settings);
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response;
  }
}
