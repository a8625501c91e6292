// Copies text; pages without a certificate have the old way only.

function copyByCommand(text) {
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.appendChild(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  before.focus();
  return copied;
}

/** Whether the text is in the clipboard now. */
export async function copy(text) {
  try {
    await window.navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    return copyByCommand(text);
  }
}
