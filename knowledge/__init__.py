"""The published Q&A: sources as published, entries, what they do not answer, and the proof that they agree."""
