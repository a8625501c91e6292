"""The parents' chat: `/widget.js` embeds it, `/widget` is its page, `static/` are its scripts and styles."""
