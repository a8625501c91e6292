"""The hotline: the agents' page, their calls, and the second door to a case."""
