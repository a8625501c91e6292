"""From a parent's words to the official entry: normalise, encode, index, rank, judge."""
