"""Tickets: what the bot and the hotline can't settle goes to people, to the level that can settle it."""
