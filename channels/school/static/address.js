// What is filtered and which ticket is open, as the page's address says it: it can be kept, sent, and reloaded.

const MANY = ['state', 'level', 'urgency'];
const TEXTS = ['district', 'school', 'number'];
const FLAGS = ['mine', 'late_soon'];
const NAMES = [...MANY, ...TEXTS, ...FLAGS];

/** The filters of an address, as the API takes them. */
export function filtersOf(search) {
  const found = new URLSearchParams();
  new URLSearchParams(search).forEach((value, name) => {
    if (NAMES.includes(name) && value) {
      found.append(name, value);
    }
  });
  return found;
}

export function ticketOf(search) {
  return new URLSearchParams(search).get('ticket') || '';
}

/** The address of some filters with a ticket open, or none. */
export function addressOf(filters, ticket) {
  const all = new URLSearchParams(filters);
  if (ticket) {
    all.set('ticket', ticket);
  }
  const query = all.toString();
  return window.location.pathname + (query ? `?${query}` : '');
}

/** The filters that a form shows. */
export function filtersIn(form) {
  const found = new URLSearchParams();
  Array.from(form.elements).filter(({ name }) => NAMES.includes(name)).forEach((field) => {
    const value = field.value.trim();
    if (value && (field.type !== 'checkbox' || field.checked)) {
      found.append(field.name, value);
    }
  });
  return found;
}

/** Has a form show filters; what the form can't show is left out of what is returned. */
export function showFilters(form, filters) {
  Array.from(form.elements).filter(({ name }) => NAMES.includes(name)).forEach((field) => {
    const values = filters.getAll(field.name);
    if (field.type === 'checkbox') {
      field.checked = values.includes(field.value);
    } else {
      field.value = values[0] || '';
    }
  });
  return filtersIn(form);
}

/** How many of the filters stand behind 'more'. */
export function hiddenCount(filters) {
  return Array.from(filters.keys()).filter((name) => ![...FLAGS, 'number'].includes(name)).length;
}
