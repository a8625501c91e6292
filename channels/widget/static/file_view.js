// A file in the talk: an image as a small picture that opens large, a PDF as a link that saves it.

import { copyOf, fillSlots } from './template.js';
import { PictureViewer } from './picture_viewer.js';

const MB = 1024 * 1024;

export function sizeOf(size) {
  return size < MB ? `${Math.ceil(size / 1024)} KB` : `${(size / MB).toFixed(1)} MB`;
}

function isImage({ type }) {
  return type.startsWith('image/');
}

/** Calls `see` once, when the node comes into view; at once where the browser can't tell. */
function whenSeen(node, see) {
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

export class FileView {
  constructor(file, shelf) {
    this.file = file;
    this.shelf = shelf;
  }

  render() {
    const { name, size, id } = this.file;
    const node = fillSlots(copyOf(isImage(this.file) ? 'js-picture' : 'js-document'), { name, size: sizeOf(size) });
    node.dataset.file = id;
    this.status = node.querySelector('.js-file-status');
    this.open = node.querySelector('.js-open');
    this.open.addEventListener('click', (event) => this.pressed(event));
    if (isImage(this.file)) {
      this.image = node.querySelector('img');
      this.image.alt = this.image.dataset.alt.replace('{name}', name);
      whenSeen(node, () => this.load());
    }
    return node;
  }

  async load() {
    try {
      this.image.src = await this.shelf.address(this.file.id, true);
      this.tell('');
    } catch (error) {
      this.tell(error.status === 404 ? 'gone' : 'failed');
    }
  }

  tell(name) {
    this.status.textContent = name ? this.status.dataset[name] : '';
    this.status.hidden = !name;
  }

  async pressed(event) {
    if (this.isReady) {
      return; // a link that has its address
    }
    event.preventDefault();
    this.tell('opening');
    try {
      const address = await this.shelf.address(this.file.id, false);
      this.tell('');
      this.show(address);
    } catch (error) {
      this.tell(error.status === 404 ? 'gone' : 'failed');
    }
  }

  show(address) {
    if (!isImage(this.file)) {
      this.open.href = address;
      this.open.download = this.file.name;
      this.isReady = true;
      this.open.click();
      return;
    }
    if (!this.image.src) {
      this.load();
    }
    PictureViewer.ofPage().show(address, this.file.name);
  }
}
