"""Start a real OpenID Connect provider on loopback, and go through its login pages."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
from desk_running import Service, running_app, wait_for

from cli.serve import free_ports
from core.settings import ROOT

SCRIPT = ROOT / "tests/staff/oidc_provider.mjs"
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # everything here goes over plain http
CLIENT = {"HELPDESK_OIDC_CLIENT_ID": "helpdesk", "HELPDESK_OIDC_CLIENT_SECRET": "a-secret-of-this-test"}


@dataclass(frozen=True)
class RunningProvider:
    """A provider that knows the client `helpdesk` and signs in anybody by any name."""

    issuer: str

    def spoil(self, part: str) -> None:
        """Change that part of every later ID token; the empty text: none."""
        httpx.post(f"{self.issuer}/spoil", params={"part": part}, trust_env=False).raise_for_status()

    def log_in(self, address: str, name: str) -> str:
        """Go through the login pages from the authorization address on; return where the provider sends one back to."""
        with httpx.Client(timeout=30, trust_env=False, verify=NO_CERTIFICATES) as http:
            response = http.get(address)
            for _ in range(12):
                if response.is_redirect:
                    address = urljoin(str(response.url), response.headers["location"])
                    if not address.startswith(self.issuer):
                        return address
                    response = http.get(address)
                    continue
                assert response.status_code == 200, response.text
                found = re.search(r'action="([^"]+)" method="post"', response.text)
                prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
                assert found, response.text
                assert prompt, response.text
                response = http.post(
                    urljoin(str(response.url), found[1]), data={"prompt": prompt[1], "login": name, "password": "x"}
                )
        raise AssertionError("the provider does not send anybody back")


@contextmanager
def running_provider(redirect_uri: str, folder: Path) -> Iterator[RunningProvider]:
    """Run the provider for a client with this address to come back to."""
    node = shutil.which("node")
    assert node, "Node.js is missing"
    port = free_ports(1)[0]
    issuer, log = f"http://127.0.0.1:{port}", folder / "provider.log"
    with log.open("ab") as file:
        process = subprocess.Popen([node, str(SCRIPT), str(port), redirect_uri], cwd=ROOT, stdout=file, stderr=file)
    try:
        wait_for(f"{issuer}/.well-known/openid-configuration", process, log)
        yield RunningProvider(issuer)
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def app_beside_provider(folder: Path, **overrides: str) -> Iterator[tuple[Service, RunningProvider]]:
    """Run the HTTP service alone beside a provider that it trusts."""
    port = free_ports(1)[0]
    with running_provider(f"http://127.0.0.1:{port}/staff/oidc/callback", folder) as provider:
        known = {"HELPDESK_PORT": str(port), "HELPDESK_OIDC_ISSUER": provider.issuer, **CLIENT}
        with running_app(folder, **{**known, **overrides}) as service:
            yield service, provider
