// What of a call is not on the server yet.

export function draftOf(id, created, place) {
  return { id, created, place, patch: {}, events: [], escalate: null, result: null };
}

export function isPending(draft) {
  return !draft.created || Object.keys(draft.patch).length > 0 || draft.events.length > 0 || draft.escalate || draft.result;
}

export function eventsBody(events) {
  const now = Date.now();
  const agoOf = (at) => Math.max(0, now - at);
  const bodyOf = ({ key, kind, entry, question, at }) => ({ key, kind, entry_id: entry, question, ago_ms: agoOf(at) });
  return { events: events.map(bodyOf) };
}
