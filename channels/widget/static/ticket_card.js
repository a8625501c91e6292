// A ticket: its number, where it stands, who has it, until when an answer is expected, what people wrote and sent.

import { moment } from './dates.js';
import { FileView } from './file_view.js';
import { copyOf, fillSlots, keepParts } from './template.js';

export class TicketCard {
  constructor(message, shelf) {
    this.ticket = message.ticket;
    this.shelf = shelf;
  }

  render() {
    const { number, state, team, due_at: due, text, files = [], takes_files: takes } = this.ticket;
    const node = fillSlots(copyOf('js-ticket'), { number, state, team, due: moment(due), text });
    node.dataset.ticket = this.ticket.id;
    files.forEach((file) => node.querySelector('.js-file-list').appendChild(this.item(file)));
    if (takes) {
      node.querySelector('.js-attach').addEventListener('click', (event) => this.attach(event.currentTarget));
    }
    return keepParts(node, { due, text, files: files.length, attach: takes });
  }

  item(file) {
    const item = document.createElement('li');
    item.appendChild(new FileView(file, this.shelf).render());
    return item;
  }

  attach(button) {
    const detail = { ticketId: this.ticket.id };
    button.dispatchEvent(new CustomEvent('chat:attach', { bubbles: true, detail }));
  }
}
