// A ticket: its number, where it stands, who has it, until when an answer is expected, what people wrote.

import { moment } from './dates.js';
import { copyOf, fillSlots, keepParts } from './template.js';

export class TicketCard {
  constructor(message) {
    this.ticket = message.ticket;
  }

  render() {
    const { number, state, team, due_at: due, text } = this.ticket;
    const node = fillSlots(copyOf('js-ticket'), { number, state, team, due: moment(due), text });
    node.dataset.ticket = this.ticket.id;
    return keepParts(node, { due, text });
  }
}
