"""The desk's own sentences: the responses of `domain.yml`."""

from __future__ import annotations

from pathlib import Path

import yaml

DOMAIN_FILE = Path(__file__).resolve().parent.parent.parent / "domain.yml"


class Words:
    """Looks sentences up by name; a name that does not exist is a mistake in the code and raises `KeyError`."""

    def __init__(self, path: Path = DOMAIN_FILE) -> None:
        responses = yaml.safe_load(path.read_text(encoding="utf-8"))["responses"]
        self._texts: dict[str, str] = {name: variants[0]["text"] for name, variants in responses.items()}

    def say(self, name: str, **values: object) -> str:
        """Return the sentence `utter_<name>` with its places filled."""
        return self._texts[f"utter_{name}"].format(**values)
