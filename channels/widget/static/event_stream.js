// What people write, as it comes: server-sent events read by fetch (EventSource sends no secret); else polling.

const POLL_MS = 5000;
const SILENCE_MS = 40000; // the server says something every 15 s
const RETRY_MS = [1000, 2000, 4000];

/** Cuts a stream of characters into events of {id, event, data}. */
export class EventParser {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = '';
  }

  feed(text) {
    const blocks = (this.rest + text).replace(/\r\n/g, '\n').split('\n\n');
    this.rest = blocks.pop();
    blocks.forEach((block) => this.block(block));
  }

  block(block) {
    const event = { event: 'message', data: [] };
    block.split('\n').forEach((line) => {
      const match = /^(id|event|data): ?(.*)$/.exec(line);
      if (match && match[1] === 'data') {
        event.data.push(match[2]);
      } else if (match) {
        event[match[1]] = match[2];
      }
    });
    if (event.data.length) {
      this.onEvent(event.event, JSON.parse(event.data.join('\n')));
    }
  }
}

export class EventStream {
  /** `chat` gives `conversation` and `ledger`, and takes `heard(event, data)` and `sync()`. */
  constructor(api, chat) {
    this.api = api;
    this.chat = chat;
    this.run = 0;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.stop() : this.start()));
  }

  stop() {
    this.run += 1;
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    if (this.abort) {
      this.abort.abort();
      this.abort = null;
    }
  }

  start() {
    this.stop();
    if (this.chat.conversation && !document.hidden) {
      this.listen(this.run, 0);
    }
  }

  async listen(run, failures) {
    let heard = false;
    try {
      await this.read(run, () => { heard = true; });
    } catch (error) {
      // Tried again below, or polled.
    }
    if (run !== this.run) {
      return;
    }
    const next = heard ? 0 : failures;
    if (next < RETRY_MS.length) {
      this.timer = setTimeout(() => this.listen(run, next + 1), RETRY_MS[next]);
    } else {
      this.poll(run);
    }
  }

  async read(run, onHeard) {
    this.abort = new AbortController();
    const response = await this.api.events(this.chat.conversation, this.chat.ledger.cursor, this.abort.signal);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser((event, data) => this.chat.heard(event, data));
    for (;;) {
      this.expectSoon(this.abort);
      const { done, value } = await reader.read();
      if (done || run !== this.run) {
        return;
      }
      onHeard();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  }

  /** A line that stays silent is dead, whatever the browser thinks. */
  expectSoon(abort) {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => abort.abort(), SILENCE_MS);
  }

  async poll(run) {
    try {
      await this.chat.sync();
    } catch (error) {
      // The next round tries again.
    }
    if (run === this.run) {
      this.timer = setTimeout(() => this.poll(run), POLL_MS);
    }
  }
}
