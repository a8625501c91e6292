// What the browser keeps. Where storage is forbidden, memory keeps it until the page is left.

export class Storage {
  /** `area`: `localStorage` or `sessionStorage`. */
  constructor(area, prefix) {
    this.area = area;
    this.prefix = prefix;
    this.memory = {};
  }

  read(name) {
    try {
      const kept = window[this.area].getItem(this.prefix + name);
      return kept === null ? this.memory[name] || null : JSON.parse(kept);
    } catch (error) {
      return this.memory[name] || null;
    }
  }

  write(name, value) {
    this.memory[name] = value;
    try {
      window[this.area].setItem(this.prefix + name, JSON.stringify(value));
    } catch (error) {
      // Memory has it.
    }
  }

  drop(name) {
    delete this.memory[name];
    try {
      window[this.area].removeItem(this.prefix + name);
    } catch (error) {
      // Memory has let it go.
    }
  }
}

/** The words being typed, so that no reload loses them. */
export class Draft {
  constructor(storage) {
    this.storage = storage;
  }

  read() {
    return this.storage.read('draft') || '';
  }

  write(text) {
    if (text) {
      this.storage.write('draft', text);
    } else {
      this.storage.drop('draft');
    }
  }
}

/**
 * The conversation of each host and scope: one of a guest, one of a signed-in guardian.
 * They are apart, so that nobody who is not signed in again is shown a family's case.
 */
export class Keeper {
  constructor(storage, host) {
    this.storage = storage;
    this.host = host;
    this.scope = '';
  }

  useScope(scope) {
    this.scope = [scope.city, scope.district, scope.stage].map((part) => part || '').join('/');
  }

  name(kind) {
    return `conversation:${this.host}:${this.scope}:${kind}`;
  }

  read(kind) {
    return this.storage.read(this.name(kind));
  }

  write(kind, conversation) {
    this.storage.write(this.name(kind), { id: conversation.id, secret: conversation.secret });
  }

  drop(kind) {
    this.storage.drop(this.name(kind));
  }
}
