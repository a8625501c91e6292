"""The cookies of staff: Secure, for this host alone (`__Host-`), out of scripts' reach.

Browsers keep Secure cookies on http://127.0.0.1 and http://localhost, too. SameSite is Lax, not Strict: the identity
provider sends staff back from another site.
"""

from __future__ import annotations

from fastapi import Request, Response

SESSION = "__Host-helpdesk-staff"
"""The session's id; ends with the browser's own session."""
FORM = "__Host-helpdesk-sign-in"
"""A random value that the sign-in form has to repeat."""
OIDC = "__Host-helpdesk-oidc"
"""State, nonce and verifier of a sign-in at the identity provider that is under way."""


def read(request: Request, name: str) -> str | None:
    """Return a cookie's value, if there is one of a sensible size."""
    value = request.cookies.get(name)
    return value if value and len(value) <= 4096 and value.isascii() else None


def set_cookie(response: Response, name: str, value: str, seconds: int | None = None) -> None:
    """Set a cookie for so many seconds, or until the browser is closed."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def drop(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
