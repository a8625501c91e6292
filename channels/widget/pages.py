"""What every HTML page of ours is sent with: a strict content security policy, no referrer, no caching."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.errors import SettingsError

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d{1,5})?")


def read_templates(*folders: Path) -> Environment:
    """Return the templates of some folders; an unknown variable is an error."""
    return Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def read_origins(text: str) -> list[str]:
    """Return the origins of the setting `embed_origins`.

    Raises:
        SettingsError: one of them is not an origin; a path or a `;` would change the policy's meaning.
    """
    origins = [part.strip() for part in text.split(",") if part.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"HELPDESK_EMBED_ORIGINS: {origin!r} is no origin; write scheme and host, e.g. https://app.example"
            )
    return origins


OWN_AND_FETCHED = "'self' blob:"
"""Images of ours, and those that a script has fetched with what a link can't send."""


def security_policy(
    *, frames: str = "'none'", ancestors: str = "'none'", forms: str = "'none'", images: str = "'self'"
) -> str:
    """Return the Content-Security-Policy: everything from here, nothing inline, nothing from elsewhere."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {images}",
            "connect-src 'self'",
            f"frame-src {frames}",
            f"frame-ancestors {ancestors}",
            f"form-action {forms}",
            "base-uri 'none'",
        ]
    )


def send_page(html: str, policy: str) -> HTMLResponse:
    """Return the page with its headers."""
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, headers=headers)
