"""docs/settings.md tells every setting. To write it anew: `python tests/test_settings_docs.py`."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.settings import PREFIX, ROOT, Settings

PAGE = ROOT / "docs/settings.md"
HEAD = """# Settings

Every setting comes from the environment or from `helpdesk.env` in the project's folder (another file:
`HELPDESK_ENV_FILE`); the environment wins. Relative paths start at the project's folder. A value that cannot be used
stops the start with a message that names the setting, and so does a `HELPDESK_…` name in the file that stands not here.
Secrets are never printed. The table is made from `core/settings.py` by `python tests/test_settings_docs.py`; a test
checks that it is up to date.

| name | default | meaning |
|---|---|---|
"""


def settings_page() -> str:
    """Return the page as it must be."""
    rows = [_row(PREFIX + name.upper(), field) for name, field in Settings.model_fields.items()]
    return HEAD + "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def _row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    return f"`{name}`", _shown(field.default), field.description or ""


def _shown(default: object) -> str:
    if isinstance(default, SecretStr) or default in (None, ""):
        return "empty"
    if isinstance(default, Path):
        return f"`{default.relative_to(ROOT).as_posix()}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`"


def test_settings_page_is_made_from_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page()


def test_every_setting_says_what_it_means() -> None:
    meanings = [field.description or "" for field in Settings.model_fields.values()]
    assert all(meaning.endswith(".") and len(meaning) > 15 for meaning in meanings)


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
