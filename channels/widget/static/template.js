// Pages hold the words; scripts clone templates and put text into their slots.

/** A fresh copy of the only element of `<template id>`. */
export function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** `{name}` in a phrase replaced by values. */
export function phrase(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Puts each value into the slot of its name; an empty value removes the slot. */
export function fillSlots(node, values) {
  Object.keys(values).forEach((name) => {
    const slot = node.matches(`[data-slot="${name}"]`) ? node : node.querySelector(`[data-slot="${name}"]`);
    const value = values[name];
    if (!slot) {
      return; // a value that only takes part in a phrase
    }
    if (value === null || value === undefined || value === '') {
      slot.remove();
    } else {
      slot.textContent = slot.dataset.text ? phrase(slot.dataset.text, values) : value;
    }
  });
  return node;
}

/** Removes each named part that is not wanted. */
export function keepParts(node, parts) {
  Object.keys(parts).forEach((name) => {
    if (!parts[name]) {
      node.querySelector(`[data-part="${name}"]`).remove();
    }
  });
  return node;
}
