// Files of a ticket: in its course, where each opens in a new tab, and chosen for a form that will bring them.

import { renewSession } from './api.js';
import { TICKETS } from './ask.js';
import { FileShelf, isImage, sizeOf, whenSeen } from './file_shelf.js';
import { copyOf, fillSlots } from './template.js';
import { UploadError, newKey, refusal, upload } from './upload.js';

const api = {
  async file(ticket, name) {
    const settings = { cache: 'no-store', credentials: 'same-origin' };
    const response = await fetch(`${TICKETS}/${ticket.id}/attachments/${name}`, settings);
    if (!response.ok) {
      throw new Error(String(response.status));
    }
    return response.blob();
  },
};

export class TicketFiles {
  constructor() {
    this.shelf = new FileShelf(api);
  }

  /** The nodes of the files that came with a step of the ticket. */
  of(ticket, version) {
    this.shelf.use(ticket);
    return ticket.attachments.filter((file) => file.version === version).map((file) => this.node(ticket, file));
  }

  node(ticket, file) {
    const { id, name, size } = file;
    const node = fillSlots(copyOf(isImage(file) ? 'js-picture' : 'js-document'), { name, size: sizeOf(size) });
    node.querySelector('a').href = `${TICKETS}/${ticket.id}/attachments/${id}`;
    if (isImage(file)) {
      const image = node.querySelector('img');
      image.alt = image.dataset.alt.replace('{name}', name);
      whenSeen(node, () => this.shelf.address(id, true).then((address) => { image.src = address; }, () => null));
    }
    return node;
  }
}

/** Sends a file that waits for its step; after a new sign-in elsewhere once more. Gives its id. */
async function send(ticketId, item, on) {
  const attempt = () => {
    const meta = document.querySelector('meta[name="csrf"]');
    const headers = meta ? { 'X-CSRF-Token': meta.content } : {};
    return upload(`${TICKETS}/${ticketId}/attachments?waiting=true`, { file: item.file, key: item.key, headers }, on).done;
  };
  try {
    return (await attempt()).id;
  } catch (error) {
    if (error.status !== 403) {
      throw error;
    }
    await renewSession();
    return (await attempt()).id;
  }
}

/** What is chosen for the forms of each ticket; it lasts as long as the page. */
export class ChosenFiles {
  constructor(forms) {
    this.kept = {};
    this.ticketId = '';
    this.forms = forms.filter((form) => form.querySelector('.js-attach'));
    this.forms.forEach((form) => this.listen(form));
    window.addEventListener('beforeunload', (event) => this.leaving(event));
  }

  listen(form) {
    const picker = form.querySelector('.js-picker');
    form.querySelector('.js-choose-files').addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      const rules = { most: Number(picker.dataset.most), types: picker.accept.split(',') };
      this.add(form, Array.from(picker.files), rules);
      picker.value = ''; // so that the same file can be chosen again
    });
  }

  of(act, ticketId) {
    const name = `${ticketId || this.ticketId}:${act}`;
    this.kept[name] = this.kept[name] || [];
    return this.kept[name];
  }

  has(act) {
    return this.of(act).length > 0;
  }

  use(ticketId) {
    this.ticketId = ticketId;
    this.forms.forEach((form) => this.render(form));
  }

  add(form, files, rules) {
    const items = this.of(form.dataset.act);
    files.forEach((file) => {
      const why = refusal(file, rules);
      items.push({ file, key: newKey(), why, isRefused: Boolean(why), id: '' });
    });
    this.render(form);
  }

  render(form) {
    const { act } = form.dataset;
    const list = form.querySelector('.js-chosen-files');
    list.textContent = '';
    this.of(act).forEach((item) => list.appendChild(this.row(form, item)));
    form.elements.text.required = !this.has(act);
  }

  row(form, item) {
    const node = fillSlots(copyOf('js-chosen'), { name: item.file.name, size: sizeOf(item.file.size) });
    const part = (name) => node.querySelector(`.js-chosen-${name}`);
    const [bar, drop] = [part('bar'), part('drop')];
    [bar, drop].forEach((one) => one.setAttribute('aria-label', one.dataset.label.replace('{name}', item.file.name)));
    Object.assign(item, { bar, status: part('status'), node });
    drop.addEventListener('click', () => this.remove(form, item));
    this.tell(item);
    return node;
  }

  tell(item) {
    const { dataset } = item.status;
    item.status.textContent = dataset[item.why] || item.why;
    item.node.dataset.state = item.why ? 'refused' : '';
    item.bar.hidden = !item.isSending;
  }

  remove(form, item) {
    const items = this.of(form.dataset.act);
    items.splice(items.indexOf(item), 1);
    this.render(form);
    form.querySelector('.js-choose-files').focus();
  }

  /** Sends what is not there yet, one after the other; gives the ids. What fails says why, and stays. */
  async sent(ticketId, act) {
    const items = this.of(act, ticketId).slice();
    if (items.some(({ isRefused }) => isRefused)) {
      const form = this.forms.find((one) => one.dataset.act === act);
      throw new UploadError(422, 'file_refused', form.querySelector('.js-attach').dataset.blocked);
    }
    for (const item of items.filter(({ id }) => !id)) {
      await this.sendOne(ticketId, item); // each by itself: the line of a school is narrow
    }
    return items.map(({ id }) => id);
  }

  async sendOne(ticketId, item) {
    Object.assign(item, { why: '', isSending: true });
    this.tell(item);
    try {
      item.id = await send(ticketId, item, { progress: (percent) => { item.bar.value = percent; } });
    } catch (error) {
      item.why = error.passes || !error.message ? 'failed' : error.message;
      throw error;
    } finally {
      item.isSending = false;
      this.tell(item);
    }
  }

  /** The server has none of them any more. */
  forget(ticketId, act) {
    this.of(act, ticketId).forEach((item) => { item.id = ''; });
  }

  /** Drops those that have gone, by their ids. */
  drop(ticketId, act, ids) {
    const items = this.of(act, ticketId);
    items.splice(0, items.length, ...items.filter(({ id }) => !ids.includes(id)));
    this.use(this.ticketId);
  }

  /** Whoever closes the page is asked first: chosen files outlive no page. */
  leaving(event) {
    if (Object.values(this.kept).some((items) => items.length)) {
      event.preventDefault();
      event.returnValue = '';
    }
  }
}
