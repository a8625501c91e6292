"""Where somebody goes after signing in."""

from __future__ import annotations

from urllib.parse import urlsplit

from channels.access import ACCESS
from staff.roles import Role

OWN_PAGE = "/staff"
PAGES: dict[Role, str] = {"agent": "/hotline", "school": "/school", "district": "/school", "city": "/school"}
_LONGEST = 1000


def landing(role: Role, wanted: str) -> str:
    """Return the page that was wanted, if it is ours and this role may see it, else the role's own."""
    path = urlsplit(wanted).path if is_local(wanted) else ""
    may = ACCESS.get(("GET", path))
    if path and not path.startswith(f"{OWN_PAGE}/") and (may is None or isinstance(may, str) or role in may):
        return wanted
    own = PAGES.get(role, OWN_PAGE)
    return own if ("GET", own) in ACCESS else OWN_PAGE


def is_local(wanted: str) -> bool:
    """Whether an address leads to this host: a path; nothing that a browser would read as another host."""
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted and len(wanted) <= _LONGEST
    return plain and wanted.startswith("/") and not wanted.startswith("//")
