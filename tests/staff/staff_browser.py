"""A browser of staff, as far as HTTP goes: it keeps our cookies, also over loopback's plain http."""

from __future__ import annotations

import re
import ssl
from http.cookies import SimpleCookie
from typing import Any

import httpx

# All goes over plain http: to read the machine's certificates for each client would cost more than the calls.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SESSION, FORM = "__Host-helpdesk-staff", "__Host-helpdesk-sign-in"


class StaffBrowser:
    """One browser; `cookies` is what it keeps, `set_cookies` what the last reply set."""

    def __init__(self, base: str, forwarded_for: str = "") -> None:
        self.base = base
        self._always = {"Origin": base} | ({"X-Forwarded-For": forwarded_for} if forwarded_for else {})
        self.cookies: dict[str, str] = {}
        self.set_cookies: SimpleCookie = SimpleCookie()
        self._http = httpx.Client(base_url=base, timeout=30, trust_env=False, verify=NO_CERTIFICATES)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **sent: Any) -> httpx.Response:
        """Call as a page of ours would: with the cookies, and saying from where."""
        kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        response = self._http.request(method, path, headers={**self._always, **kept, **(headers or {})}, **sent)
        self.set_cookies = SimpleCookie()
        for line in response.headers.get_list("set-cookie"):
            self.set_cookies.load(line)
        for name, morsel in self.set_cookies.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        return response

    def secret(self, path: str = "/staff/sign-in") -> str:
        """Open the sign-in page; return its form's secret."""
        found = re.search(r'name="secret" value="([^"]+)"', self.call("GET", path).text)
        assert found
        return found[1]

    def sign_in(self, login: str, password: str, wanted: str = "") -> httpx.Response:
        """Fill in the sign-in form and send it."""
        form = {"secret": self.secret(), "login": login, "password": password, "next": wanted}
        return self.call("POST", "/staff/sign-in", data=form)

    def sign_in_as_invented(self, key: str, wanted: str = "") -> httpx.Response:
        """Press the button of an invented account."""
        form = {"secret": self.secret(), "account": key, "next": wanted}
        return self.call("POST", "/staff/demo", data=form)

    def me(self) -> dict[str, Any]:
        """Return who is signed in."""
        response = self.call("GET", "/api/v1/me")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
