// The conversation of the open ticket, and a person's part in it: entering, speaking, giving it back.

import { TICKETS, ask, problem } from './ask.js';
import { tell, when, wordOr } from './say.js';
import { lineOf } from './talk_lines.js';
import { phrase } from './template.js';
import { newKey } from './upload.js';

const EVERY_MS = 2000;
const DRAFT = 'say';

export class Talk {
  constructor(node, drafts) {
    Object.assign(this, { drafts, ticket: null, owner: null, last: 0, run: 0 });
    this.part = (name) => node.querySelector(`.js-${name}`);
    this.lines = this.part('lines');
    this.form = this.part('say');
    this.box = this.form.elements.text;
    this.problem = this.part('talk-problem');
    this.form.addEventListener('submit', (event) => { event.preventDefault(); this.say(); });
    this.box.addEventListener('input', () => { this.key = null; this.keep(); });
    this.part('takeover').addEventListener('click', () => this.takeOver(null));
    this.part('relieve').addEventListener('click', () => this.takeOver(this.owner.fence));
    this.part('handback').addEventListener('click', () => this.handBack());
    this.part('refresh').addEventListener('click', () => this.load());
    document.addEventListener('visibilitychange', () => this.owner && this.owner.mine && this.listen());
  }

  /** Shows the conversation of another ticket, or none. */
  use(ticket) {
    this.ticket = ticket;
    this.stop();
    this.owner = null;
    this.key = null;
    tell(this.problem, '');
    this.lines.textContent = '';
    this.lines.hidden = true;
    this.part('live-area').hidden = true;
    this.box.value = ticket ? (this.drafts.read(ticket.id)[DRAFT] || { text: '' }).text : '';
    this.sayEmpty(ticket ? 'none' : 'idle');
    if (ticket && ticket.from_chat) {
      this.sayEmpty('loading');
      this.load();
    }
  }

  /** Looks again, unless the person is in the conversation and hears it anyway. */
  renew() {
    if (this.ticket && this.ticket.from_chat && !(this.owner && this.owner.mine)) {
      this.load();
    }
  }

  stop() {
    this.run += 1;
    clearTimeout(this.timer);
  }

  sayEmpty(name) {
    const empty = this.part('talk-empty');
    tell(empty, name && empty.dataset[name]);
  }

  async load() {
    this.stop();
    const { run, ticket } = this;
    try {
      const talk = await ask('GET', `${TICKETS}/${ticket.id}/conversation`);
      if (run === this.run) {
        this.show(talk);
      }
    } catch (error) {
      if (run === this.run) {
        this.sayEmpty(error.status === 404 ? 'gone' : 'failed');
      }
    }
  }

  show({ conversation_id: id, owner, lines }) {
    if (!id) {
      this.sayEmpty('none');
      return;
    }
    this.sayEmpty('');
    this.address = `/api/v1/conversations/${id}`;
    this.lines.textContent = '';
    this.last = 0;
    this.lines.hidden = false;
    this.part('live-area').hidden = false;
    this.add(lines);
    this.own(owner);
  }

  add(lines) {
    lines.filter(({ seq }) => seq > this.last).forEach((line) => {
      this.lines.appendChild(lineOf(line, this.lines.lastElementChild));
      this.last = line.seq;
    });
    this.lines.scrollTop = this.lines.scrollHeight;
  }

  own(owner) {
    const wasMine = this.owner && this.owner.mine;
    this.owner = owner;
    const node = this.part('owner');
    const name = owner.mine ? 'mine' : (owner.owner === 'bot' && 'bot') || 'other';
    const words = phrase(node.dataset[name], this.valuesOf(owner));
    if (node.textContent !== words) {
      node.textContent = words;
    }
    this.showControls(owner);
    if (owner.mine) {
      this.listen();
    } else if (wasMine) {
      this.part('refresh').focus();
    }
  }

  /** What is written stays in sight, also when it can't be sent any more. */
  showControls({ owner, mine }) {
    this.form.hidden = !mine && !this.box.value.trim();
    this.form.querySelector('[type=submit]').disabled = !mine;
    this.part('handback').hidden = !mine;
    this.part('idle-buttons').hidden = mine;
    this.part('takeover').hidden = owner === 'person';
    this.part('relieve').hidden = owner === 'bot' || mine;
  }

  valuesOf({ role, since }) {
    return { role: role ? wordOr('role', role) : '', time: since ? when(since) : '' };
  }

  /** Hears what is said while the conversation is the person's. */
  async listen() {
    this.stop();
    const { run, address } = this;
    if (document.hidden) {
      return;
    }
    try {
      const { messages } = await ask('GET', `${address}/staff-messages?fence=${this.owner.fence}&after=${this.last}`);
      if (run === this.run) {
        this.add(messages);
      }
    } catch (error) {
      if (run === this.run && error.code === 'stale_fence') {
        this.load();
        return;
      }
    }
    if (run === this.run) {
      this.timer = setTimeout(() => this.listen(), EVERY_MS);
    }
  }

  async takeOver(fence) {
    await this.attempt(async () => {
      await ask('POST', `${this.address}/takeover`, fence === null ? null : { from_fence: fence });
      await this.load();
      this.box.focus();
    }, 'taken');
  }

  async say() {
    const text = this.box.value;
    if (!text.trim()) {
      return;
    }
    this.key = this.key || newKey();
    await this.attempt(async () => {
      await ask('POST', `${this.address}/staff-messages`, { fence: this.owner.fence, text, key: this.key });
      this.key = null;
      if (this.box.value === text) {
        this.box.value = '';
      }
      this.keep();
      this.listen();
    }, 'moved');
  }

  async handBack() {
    await this.attempt(async () => {
      await ask('POST', `${this.address}/handback`, { fence: this.owner.fence });
      await this.load();
    }, 'not-yours');
  }

  keep() {
    this.drafts.keep(this.ticket.id, DRAFT, { text: this.box.value.trim() && this.box.value });
  }

  /** Does it; a refusal is told in words, and what is true now is shown. */
  async attempt(act, refusal) {
    if (this.isBusy) {
      return;
    }
    const { ticket } = this;
    this.isBusy = true;
    tell(this.problem, '');
    try {
      await act();
    } catch (error) {
      if (ticket === this.ticket) {
        await this.refused(error, refusal);
      }
    } finally {
      this.isBusy = false;
    }
  }

  async refused(error, refusal) {
    if (error.code !== 'stale_fence') {
      tell(this.problem, error.status === 404 ? this.problem.dataset.out : problem(error));
      return;
    }
    await this.load();
    const { owner } = error.details;
    const isBack = refusal === 'moved' && owner === 'bot';
    const name = isBack ? 'back' : refusal.replace(/-(\w)/g, (dash, letter) => letter.toUpperCase());
    tell(this.problem, phrase(this.problem.dataset[name], this.valuesOf(error.details)));
  }
}
