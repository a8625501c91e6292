// What a parent is told when a message did not get through.

export const SERVER_ERROR = 500;

const WORDS = { 0: 'network', 409: 'busy', 429: 'tooMany' };

/** Shows the notice that fits an ApiError; the server's own words where they say more than ours. */
export function explain(notice, error) {
  if (error.status in WORDS) {
    notice.show(WORDS[error.status], { seconds: error.retryAfter }, 'retry');
  } else if (error.status < SERVER_ERROR && error.message) {
    notice.showWords(error.message);
  } else {
    notice.show('failed', {}, 'retry');
  }
}
