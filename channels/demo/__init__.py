"""An invented government app that embeds the widget; exists only where the demo key is configured."""
