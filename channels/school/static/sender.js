// A command on its way: its files first, then itself. What arrived though its answer was lost is not given twice.

import { TICKETS, ask } from './ask.js';

export class Sender {
  /** `staff` is who gives the commands; `files` are those chosen for them. */
  constructor(staff, files) {
    Object.assign(this, { staff, files, unsure: '' });
  }

  /** Gives a command with the files of its form, whose ids it puts into the body; promises the ticket as it is then. */
  async give(act, ticket, body) {
    body.attachments = await this.files.sent(ticket.id, act);
    try {
      return await this.post(act, ticket, body);
    } catch (error) {
      if (error.status !== 404 || !body.attachments.length) {
        throw error;
      }
    }
    this.files.forget(ticket.id, act); // dropped meanwhile: with another form's step, or because they waited too long
    body.attachments = await this.files.sent(ticket.id, act);
    return this.post(act, ticket, body);
  }

  async post(act, ticket, body) {
    const wish = JSON.stringify([ticket.id, act, body]);
    try {
      return await ask('POST', `${TICKETS}/${ticket.id}/${act}`, body);
    } catch (error) {
      if (error.code === 'version_conflict' && this.unsure === wish && this.isOwn(act, ticket, error.details.changed)) {
        return error.details.ticket; // the answer to the first try was lost
      }
      this.unsure = error.status === 0 || error.status >= 500 ? wish : '';
      throw error;
    }
  }

  /** Whether what came between is the command itself, of which it was not known whether it arrived. */
  isOwn(act, ticket, changed) {
    const first = changed.find((one) => one.version === ticket.version + 1);
    return Boolean(first) && first.by === this.staff && first.kind === act;
  }
}
