"""A real enrolment backend on SQL, a service of its own: to develop against, to test against, and for the demo.

Start it with `HELPDESK_ENROLLMENT_KEY=… python -m enrollment.reference --port 8100 --database sqlite:///var/enrollment.db`.
"""
