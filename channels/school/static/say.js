// Times, people and other small phrases, from the words of the page.

import { phrase } from './template.js';
import { word } from './words.js';

const ZONE = 'Asia/Shanghai';
const DAY = new Intl.DateTimeFormat('zh-CN', { month: 'long', day: 'numeric', timeZone: ZONE });
const CLOCK = new Intl.DateTimeFormat('zh-CN', { hour: '2-digit', minute: '2-digit', hour12: false, timeZone: ZONE });

/** The word, or the key itself where there is none. */
export function wordOr(kind, key) {
  try {
    return word(kind, key);
  } catch (error) {
    return key;
  }
}

/** A time in China: the clock today, else with the day. */
export function when(text) {
  const time = new Date(text);
  const day = DAY.format(time);
  const name = day === DAY.format(new Date()) ? 'today' : 'other';
  return phrase(word('time', name), { day, clock: CLOCK.format(time) });
}

/** Who did it: a name with the role, or the role alone. */
export function who({ by_name: name, role }) {
  const title = wordOr('role', role);
  const isPlain = !name || name === title || role === 'parent' || role === 'system';
  return phrase(word('who', isPlain ? 'plain' : 'named'), { name, role: title });
}

/** Where it is; the first `known` parts, which are always the same for the reader, are left out. */
export function place({ city, district, school }, known) {
  return [wordOr('city', city), district || word('place', 'unknown'), school].slice(known || 0).filter(Boolean).join(' · ');
}

export function holder(ticket) {
  const name = ticket.mine ? 'mine' : 'other';
  return phrase(word('holder', ticket.holder ? name : 'none'), ticket);
}

/** `late`, `soon` or nothing. */
export function lateness(ticket) {
  return ticket.late ? 'late' : (ticket.late_soon && 'soon') || '';
}

/** Until when; `kind` is `due` in full, or `left` as a list has it. */
export function due(ticket, kind) {
  const awaited = ['new', 'assigned', 'working'].includes(ticket.state);
  const name = awaited ? (ticket.late && 'late') || 'waiting' : ticket.state;
  return phrase(word(kind, name), { due: when(ticket.due_at), hours: Math.round(ticket.hours_left * 10) / 10 });
}

/** Shows a text in a node, or hides the node. */
export function tell(node, text) {
  node.textContent = text || '';
  node.hidden = !text;
}
