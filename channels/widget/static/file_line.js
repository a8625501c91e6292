// A file that the parent has added to a ticket.

import { FileView } from './file_view.js';
import { copyOf, fillSlots } from './template.js';

export class FileLine {
  constructor(message, shelf) {
    this.message = message;
    this.shelf = shelf;
  }

  render() {
    const node = fillSlots(copyOf('js-file-line'), { number: this.message.number });
    node.prepend(new FileView(this.message.file, this.shelf).render());
    return node;
  }
}
