"""The hotline's working page and the API of its calls."""
