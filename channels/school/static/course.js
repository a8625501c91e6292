// What happened to a ticket: its steps with what was said at each, oldest first.

import { when, who, wordOr } from './say.js';
import { copyOf, fillSlots, keepParts } from './template.js';
import { word } from './words.js';

function step(event, message, files, isNew) {
  const item = keepParts(copyOf('js-step'), { files: files.length, words: message });
  files.forEach((file) => item.querySelector('.files').appendChild(file));
  fillSlots(item, { time: when(event.at), step: wordOr('step', event.kind), who: who(event), why: event.why });
  item.classList.toggle('step--new', isNew);
  if (message) {
    fillSlots(item, { label: word('message', message.kind), text: message.text });
    item.querySelector('.words').dataset.kind = message.kind;
  }
  return item;
}

/** Fills the list; steps after version `seen` are marked as new; `files` makes nodes of a ticket's files. */
export function showCourse(list, ticket, seen, files) {
  list.textContent = '';
  const words = new Map(ticket.messages.map((message) => [message.version, message]));
  ticket.events.forEach((event) => {
    const brought = files.of(ticket, event.version);
    list.appendChild(step(event, words.get(event.version), brought, event.version > seen));
  });
}
