// Text with the words marked that the caller used, and the spoken form. Words never change.

const ARROW = '\u2192';

/** Puts `text` into `node`; `spans` [start, end) become marks. */
export function mark(node, text, spans) {
  node.textContent = '';
  let at = 0;
  spans.forEach(([start, end]) => {
    node.appendChild(document.createTextNode(text.slice(at, start)));
    const found = document.createElement('mark');
    found.textContent = text.slice(start, end);
    node.appendChild(found);
    at = end;
  });
  node.appendChild(document.createTextNode(text.slice(at)));
}

/** Puts fresh copies of another node's children in place of a node's own: what is new has not moved. */
export function renew(node, blank) {
  node.textContent = '';
  node.appendChild(document.importNode(blank, true));
}

/** A node's children, to be copied later. */
export function blankOf(node) {
  const blank = document.createDocumentFragment();
  Array.from(node.cloneNode(true).childNodes).forEach((child) => blank.appendChild(child));
  return blank;
}

function element(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  return node;
}

/** Lays lines out for reading aloud; lines that begin with an arrow are steps, and so is the line before the first. */
export function speak(node, lines) {
  node.textContent = '';
  let steps = null;
  lines.forEach((line, i) => {
    const goesOn = line.startsWith(ARROW);
    const begins = !goesOn && (lines[i + 1] || '').startsWith(ARROW);
    if (begins) {
      steps = element('ol', 'steps', '');
      steps.setAttribute('role', 'list');
      node.appendChild(steps);
    }
    if (goesOn || begins) {
      steps.appendChild(element('li', '', line.replace(ARROW, '')));
    } else {
      node.appendChild(element('p', 'spoken__line', line));
    }
  });
}
