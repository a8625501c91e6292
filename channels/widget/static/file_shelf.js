// Files of the conversation as addresses of this page: they need the conversation's secret, which no link can send.

export class FileShelf {
  constructor(api) {
    this.api = api;
    this.conversation = null;
    this.addresses = new Map();
  }

  /** Whose files are asked for from now on; another conversation's are forgotten. */
  use(conversation) {
    if (this.conversation && this.conversation.id !== conversation.id) {
      this.addresses.forEach((address) => address.then((url) => URL.revokeObjectURL(url), () => null));
      this.addresses.clear();
    }
    this.conversation = conversation;
  }

  /** Promises a blob's address; what failed is asked for anew the next time. */
  address(id, isSmall) {
    const name = `${id}${isSmall ? '?small=true' : ''}`;
    if (!this.addresses.has(name)) {
      const found = this.api.file(this.conversation, name).then((blob) => URL.createObjectURL(blob));
      this.addresses.set(name, found);
      found.catch(() => this.addresses.delete(name));
    }
    return this.addresses.get(name);
  }
}
