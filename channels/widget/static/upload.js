// Sends one file as a raw body, and tells how far it is; fetch can't tell. Status 0 is the network's.

const STALL_MS = 30000; // nothing went out for so long: the line is dead
const KEEPING_MS = 120000; // all is sent; the server looks through the file

export class UploadError extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter, details: {} });
  }

  get signedOut() {
    return this.status === 401 || this.status === 403;
  }

  /** Whether the same file may be taken later. */
  get passes() {
    return [0, 401, 403, 429].includes(this.status) || this.status >= 500;
  }
}

/** A name for one wish to send: a second try with it keeps one file. */
export function newKey() {
  return Array.from(window.crypto.getRandomValues(new Uint8Array(16)), (one) => one.toString(16).padStart(2, '0')).join('');
}

function errorOf(request) {
  let error = {};
  try {
    error = JSON.parse(request.responseText).error || {};
  } catch (failure) {
    // A proxy's page, not our error.
  }
  const seconds = Number(request.getResponseHeader('Retry-After')) || 10;
  return new UploadError(request.status, error.code || 'unknown', error.message || '', seconds);
}

/** Sends `file`; `on.progress(percent)` up to 100. Gives { done, stop() }: `done` resolves with the reply's JSON. */
export function upload(address, { file, key, headers }, on) {
  const request = new window.XMLHttpRequest();
  let timer = null;
  const wait = (patience) => {
    clearTimeout(timer);
    timer = setTimeout(() => request.abort(), patience);
  };
  const done = new Promise((resolve, reject) => {
    const lost = () => reject(new UploadError(0, 'network', '', 0));
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      wait(STALL_MS);
      on.progress(Math.floor((100 * loaded) / total));
    });
    request.upload.addEventListener('load', () => { wait(KEEPING_MS); on.progress(100); });
    request.addEventListener('load', () => (
      request.status === 201 ? resolve(JSON.parse(request.responseText)) : reject(errorOf(request))
    ));
    request.addEventListener('error', lost);
    request.addEventListener('abort', lost);
    request.addEventListener('loadend', () => clearTimeout(timer));
  });
  request.open('POST', address);
  Object.keys(headers).forEach((name) => request.setRequestHeader(name, headers[name]));
  request.setRequestHeader('X-File-Name', encodeURIComponent(Array.from(file.name).slice(0, 80).join('')));
  request.setRequestHeader('X-File-Key', key);
  request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
  wait(STALL_MS);
  request.send(file);
  return { done, stop: () => request.abort() };
}

function isPhonePhoto({ type, name }) {
  return /^image\/(hei[cf]|avif)/.test(type) || /\.(hei[cf]|avif)$/i.test(name);
}

/** What can be said of a file before it is sent: the name of a refusal, or nothing. `rules`: { most, types }. */
export function refusal(file, { most, types }) {
  if (isPhonePhoto(file)) {
    return 'heic';
  }
  const isKnown = file.type ? types.includes(file.type) : /\.(jpe?g|png|webp|pdf)$/i.test(file.name);
  if (!isKnown) {
    return 'type';
  }
  return (file.size > most && 'large') || (file.size === 0 && 'empty') || '';
}
