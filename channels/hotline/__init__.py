"""The hotline: the agents' working page, the API of their calls, and the second door to a case."""
