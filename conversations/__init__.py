"""Conversations and turns: scope, guardian, owner, everything said; on SQL, so that a reload or a restart resumes."""
