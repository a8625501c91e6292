// Lays a published answer out without changing a word: lines, enumerations, and steps of `A→B→C` as a numbered list.

import { copyOf, fillSlots } from './template.js';

const ARROW = '→';
const NUMBERED = /(^|[\s\u3002\uff1b\uff1a:;])(\d{1,2})[\u3001.\uff0e](?!\d)/g;

/** Where an enumeration's items begin: 1, 2, 3 … in order, at least two of them; else nothing. */
function itemStarts(line) {
  const starts = [];
  let match;
  NUMBERED.lastIndex = 0;
  while ((match = NUMBERED.exec(line)) !== null) {
    if (Number(match[2]) === starts.length + 1) {
      starts.push(match.index + match[1].length);
    }
  }
  return starts.length > 1 ? starts : [];
}

function cutAt(text, starts) {
  const ends = starts.concat(text.length);
  return [text.slice(0, ends[0])].concat(starts.map((start, i) => text.slice(start, ends[i + 1])));
}

function isChain(sentence) {
  return sentence.split(ARROW).length > 2;
}

/** Sentences, where those without steps that stand together stay together. */
function blocksOf(item) {
  if (!isChain(item)) {
    return [item];
  }
  const sentences = item.match(/[^\u3002]*\u3002?\s*/g).filter(Boolean);
  return sentences.reduce((blocks, sentence) => {
    const last = blocks.length - 1;
    if (last >= 0 && !isChain(sentence) && !isChain(blocks[last])) {
      return blocks.slice(0, last).concat(blocks[last] + sentence);
    }
    return blocks.concat(sentence);
  }, []);
}

function paragraph(text) {
  const node = document.createElement('p');
  node.textContent = text;
  return node;
}

function step(text, isLast) {
  const item = document.createElement('li');
  item.textContent = text;
  if (!isLast) {
    const arrow = document.createElement('span');
    arrow.className = 'visually-hidden';
    arrow.setAttribute('aria-hidden', 'true');
    arrow.textContent = ARROW;
    item.appendChild(arrow);
  }
  return item;
}

function chain(sentence) {
  const parts = sentence.split(ARROW);
  const cut = parts[0].length - /[^,:\uff0c\uff1a]*$/.exec(parts[0])[0].length;
  const node = fillSlots(copyOf('js-chain'), { lead: parts[0].slice(0, cut) });
  const list = node.querySelector('ol');
  parts[0] = parts[0].slice(cut);
  parts.forEach((part, i) => list.appendChild(step(part, i === parts.length - 1)));
  return node;
}

/** Fills `node` with the answer's text. */
export function layOut(node, text) {
  text.split('\n').forEach((line) => {
    cutAt(line, itemStarts(line)).filter((item) => item.trim()).forEach((item) => {
      blocksOf(item).forEach((block) => node.appendChild(isChain(block) ? chain(block) : paragraph(block)));
    });
  });
  return node;
}
