// The staff's HTTP API, with the page's session. Each failure becomes an ApiError; status 0 is the network's.

const PATIENCE_MS = 15000;

export class ApiError extends Error {
  constructor(status, code, message, details) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details || {};
  }

  /** Whether the same call may succeed later: the network, the server, too many calls, a session that has ended. */
  get passes() {
    return [0, 401, 403, 429].includes(this.status) || this.status >= 500;
  }

  get signedOut() {
    return this.status === 401 || this.status === 403;
  }
}

function csrfMeta() {
  return document.querySelector('meta[name="csrf"]');
}

async function errorOf(response) {
  let error = {};
  try {
    error = (await response.json()).error || {};
  } catch (failure) {
    // A proxy's page, not our error.
  }
  return new ApiError(response.status, error.code || 'unknown', error.message || '', error.details);
}

function settingsOf(method, body, options) {
  const settings = Object.assign({ method, cache: 'no-store', credentials: 'same-origin', headers: {} }, options);
  const meta = csrfMeta();
  if (meta && method !== 'GET') {
    settings.headers['X-CSRF-Token'] = meta.content;
  }
  if (body) {
    settings.headers['Content-Type'] = 'application/json';
    settings.body = JSON.stringify(body);
  }
  return settings;
}

/** Calls and returns the JSON of the reply; `options.signal` aborts, `options.keepalive` outlives the page. */
export async function call(method, address, body, options) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const response = await fetch(address, settingsOf(method, body, Object.assign({ signal: stop.signal }, options)));
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, 'network', String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** After somebody signed in again elsewhere, the session has another secret. */
export async function renewSession() {
  const meta = csrfMeta();
  if (meta) {
    meta.content = (await call('GET', '/api/v1/me')).csrf;
  }
}
