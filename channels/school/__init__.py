"""The page of the school teams: the queue, a ticket with its conversation, and what may be done with it."""
