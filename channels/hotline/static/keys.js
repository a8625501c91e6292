// The keys. An input method that composes has all keys to itself.

const OWN_FIELDS = 'input, textarea, select, button, summary';

/** Whether a key alone writes something that is seen. */
function isLetter(event) {
  return /^\S$/.test(event.key || '') && !event.ctrlKey && !event.metaKey && !event.altKey;
}

const WITH_ALT = {
  Digit0: 'city', Digit1: 'result:answered', Digit2: 'result:escalated', Digit3: 'result:called_back', Digit4: 'result:dropped',
  Digit7: 'tab:0', Digit8: 'tab:1', Digit9: 'tab:2',
};

export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

const ANYWHERE = { F2: 'copy', F4: 'wrong', F8: 'escalate', F9: 'note' };
const ELSEWHERE = { Escape: 'back' };
const IN_THE_BOX = { ArrowDown: 'down', ArrowUp: 'up', Enter: 'told', Escape: 'next' };

/** The name of a key's command, if it has one, with what it acts on: `result:answered`. */
function commandOf(event, isInBox) {
  if (event.ctrlKey || event.metaKey) {
    return '';
  }
  if (event.altKey) {
    return WITH_ALT[event.code] || '';
  }
  return ANYWHERE[event.key] || (isInBox ? IN_THE_BOX : ELSEWHERE)[event.key] || '';
}

/** Brings a letter that is typed where it would be lost into the box. */
export function bringLetters(box) {
  document.addEventListener('keydown', (event) => {
    if ((isLetter(event) || isComposing(event)) && !event.target.closest(OWN_FIELDS)) {
      box.focus();
    }
  }, true);
}

/** Calls `commands[name](argument)` for each key that is a command. */
export function listenForKeys(box, commands) {
  document.addEventListener('keydown', (event) => {
    if (isComposing(event)) {
      return;
    }
    const [name, argument] = commandOf(event, event.target === box).split(':');
    if (name) {
      event.preventDefault();
      commands[name](argument);
    }
  });
}
