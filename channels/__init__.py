"""The ways in: HTTP API, widget, demo page, and the webhook through which Rasa runs the actions."""
