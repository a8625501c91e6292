"""Rasa graph components and the tracker store; run by Rasa's Python 3.10, importing nothing else of ours."""
