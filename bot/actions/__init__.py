"""What the help desk does in a turn: one file per action, all working on a `Work` from `desk.py`."""
