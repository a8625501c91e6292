// What somebody has written and not sent, by ticket, on this computer: it outlives the page and goes once it is sent.

const PREFIX = 'school-draft:';
const KEPT_MS = 14 * 24 * 3600 * 1000;

export class Drafts {
  constructor(staff) {
    this.prefix = `${PREFIX}${staff}:`;
    this.memory = {};
    this.dropOld();
  }

  read(ticket) {
    return this.parsed(this.prefix + ticket).forms || {};
  }

  /** Keeps one form's fields; empty ones are forgotten. */
  keep(ticket, act, values) {
    const forms = this.read(ticket);
    if (Object.keys(values).some((name) => values[name])) {
      forms[act] = values;
    } else {
      delete forms[act];
    }
    const key = this.prefix + ticket;
    if (Object.keys(forms).length) {
      this.write(key, JSON.stringify({ at: Date.now(), forms }));
    } else {
      this.remove(key);
    }
  }

  drop(ticket, act) {
    this.keep(ticket, act, {});
  }

  parsed(key) {
    try {
      return JSON.parse(window.localStorage.getItem(key) || this.memory[key] || '{}');
    } catch (error) {
      return JSON.parse(this.memory[key] || '{}'); // no storage, or not ours in it
    }
  }

  write(key, text) {
    this.memory[key] = text;
    try {
      window.localStorage.setItem(key, text);
    } catch (error) {
      // A browser without storage: the page itself still has it.
    }
  }

  remove(key) {
    delete this.memory[key];
    try {
      window.localStorage.removeItem(key);
    } catch (error) {
      // As above.
    }
  }

  dropOld() {
    const { localStorage } = window;
    Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).forEach((key) => {
      if (!(this.parsed(key).at > Date.now() - KEPT_MS)) {
        this.remove(key);
      }
    });
  }
}
