"""The HTTP API of the school teams' desk, and what time alone brings to its tickets."""
