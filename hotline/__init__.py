"""The hotline's records and rules: calls, what was suggested in them, and look-ups for verified callers."""
