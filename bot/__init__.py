"""Understanding and acting: Rasa's data and components, and the actions."""
