"""Question sets, metrics, reports, floors and the benchmark; a running service is reached over HTTP only."""
