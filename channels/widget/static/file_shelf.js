// Files of a conversation or ticket as addresses of this page, each fetched once: in the chat they need the conversation's
// secret, which no link can send; at the desk each fetching is recorded.

const MB = 1024 * 1024;

export function sizeOf(size) {
  return size < MB ? `${Math.ceil(size / 1024)} KB` : `${(size / MB).toFixed(1)} MB`;
}

export function isImage({ type }) {
  return type.startsWith('image/');
}

/** Calls `see` once, when the node comes into view; at once where the browser can't tell. */
export function whenSeen(node, see) {
  if (!window.IntersectionObserver) {
    see();
    return;
  }
  const observer = new window.IntersectionObserver((entries) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) {
      observer.disconnect();
      see();
    }
  }, { rootMargin: '200px' });
  observer.observe(node);
}

export class FileShelf {
  /** `api.file(owner, name)` promises a file's bytes. */
  constructor(api) {
    this.api = api;
    this.owner = null;
    this.addresses = new Map();
  }

  /** Whose files are asked for from now on; another one's are forgotten. */
  use(owner) {
    if (this.owner && this.owner.id !== owner.id) {
      this.addresses.forEach((address) => address.then((url) => URL.revokeObjectURL(url), () => null));
      this.addresses.clear();
    }
    this.owner = owner;
  }

  /** Promises a blob's address; what failed is asked for anew the next time. */
  address(id, isSmall) {
    const name = `${id}${isSmall ? '?small=true' : ''}`;
    if (!this.addresses.has(name)) {
      const found = this.api.file(this.owner, name).then((blob) => URL.createObjectURL(blob));
      this.addresses.set(name, found);
      found.catch(() => this.addresses.delete(name));
    }
    return this.addresses.get(name);
  }
}
