// The API as this page calls it: after a new sign-in elsewhere the session's secret is fetched anew, once.

import { call, renewSession } from './api.js';
import { word } from './words.js';

export const TICKETS = '/api/v1/tickets';

export async function ask(method, address, body) {
  try {
    return await call(method, address, body);
  } catch (error) {
    if (error.status !== 403 || method === 'GET') {
      throw error;
    }
    await renewSession();
    return call(method, address, body);
  }
}

/** What went wrong, in words; `gone` and everything that the server says in words are told as they are. */
export function problem(error) {
  if (error.status === 0) {
    return word('problem', 'network');
  }
  if (error.signedOut) {
    return error.status === 403 && error.message ? error.message : word('problem', 'signed-out');
  }
  if (error.status === 404) {
    return word('problem', 'gone');
  }
  return error.status >= 500 || !error.message ? word('problem', 'server') : error.message;
}
