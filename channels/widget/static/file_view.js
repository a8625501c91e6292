// A file in the talk: an image as a small picture that opens large, a PDF as a link that saves it.

import { isImage, sizeOf, whenSeen } from './file_shelf.js';
import { PictureViewer } from './picture_viewer.js';
import { copyOf, fillSlots } from './template.js';

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
