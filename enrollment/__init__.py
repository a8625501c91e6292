"""The families' own applications: what the enrolment backend knows, and what each state means for a parent."""
