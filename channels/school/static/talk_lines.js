// What was said in a conversation, as staff read it: the words, the official answer with its source, and why.

import { when, wordOr } from './say.js';
import { copyOf, fillSlots, keepParts, phrase } from './template.js';
import { word } from './words.js';

function percent(value) {
  return typeof value === 'number' ? `${Math.round(value * 100)}%` : '';
}

function answerOf({ entry, confidence, applies, note }) {
  const { document: title, publisher, number, official } = entry.source;
  const source = phrase(word('talk', 'source'), { document: title, publisher, number });
  const id = phrase(word('talk', 'entry'), { id: entry.id });
  const sure = phrase(word('talk', 'confidence'), { confidence: percent(confidence) });
  return {
    question: entry.question, answer: entry.answer, branch: applies ? applies.branch : '', text: '', note: note || '',
    tag: word('source', official ? 'official' : 'repost'), source: [id, source, sure].join(word('talk', 'join')),
  };
}

const PLAIN = { question: '', answer: '', branch: '', note: '', tag: '', source: '' };
const SHOWN = {
  text: ({ text }) => Object.assign({ text }, PLAIN),
  options: ({ text }) => Object.assign({ text }, PLAIN),
  answer: answerOf,
  case: () => Object.assign({ text: word('talk', 'case') }, PLAIN),
  file: ({ file, number }) => Object.assign({ text: phrase(word('talk', 'file'), { name: file.name, number }) }, PLAIN),
  ticket: ({ ticket }) => Object.assign({ text: ticketText(ticket) }, PLAIN),
};

function ticketText(ticket) {
  const files = ticket.files.map(({ name }) => phrase(word('talk', 'sent'), { name }));
  return [phrase(word('talk', 'ticket'), ticket), ticket.text, ...files].filter(Boolean).join('\n');
}

/** Why the bot said it; an answer bears its own confidence. */
function whyText(why, type) {
  if (!why) {
    return '';
  }
  const told = [why.outcome && phrase(word('talk', 'outcome'), { outcome: wordOr('outcome', why.outcome) })];
  if (why.intent) {
    const intent = { intent: wordOr('intent', why.intent), sure: percent(why.intent_confidence) };
    told.push(phrase(word('talk', 'intent'), intent).trim());
  }
  if (why.confidence && type !== 'answer') {
    told.push(phrase(word('talk', 'confidence'), { confidence: percent(why.confidence) }));
  }
  return told.filter(Boolean).join(word('talk', 'join'));
}

/** One thing said, as an item of the list; who goes on speaking is not named again. */
export function lineOf({ seq, author, at, message, why }, before) {
  const item = copyOf('js-line');
  item.dataset.seq = seq;
  item.dataset.author = author;
  item.dataset.type = message.type;
  item.dataset.time = when(at);
  const goesOn = before && before.dataset.author === author && before.dataset.time === item.dataset.time;
  item.classList.toggle('line--more', Boolean(goesOn));
  const values = SHOWN[message.type](message);
  keepParts(item, { options: message.options && message.options.length, entry: values.answer, source: values.source });
  fillSlots(item, Object.assign(values, { author: word('author', author), time: when(at), why: whyText(why, message.type) }));
  (message.options || []).forEach(({ label }) => {
    const option = document.createElement('li');
    option.textContent = label;
    item.querySelector('.line__options').appendChild(option);
  });
  return item;
}
