"""Sign-in at an OpenID Connect provider: authorization code with PKCE, state and nonce, by Authlib.

What Authlib has to remember between leaving for the provider and coming back travels in a cookie of this browser; it
is random and of use to nobody but this browser, so it needs no signature.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import Request, Response
from joserfc.errors import JoseError

from channels.staff import cookies
from core.errors import HelpdeskError
from core.settings import Settings

CALLBACK = "/staff/oidc/callback"
_SECONDS_AWAY = 600
_PATIENCE = 5.0
_LEEWAY = 30
_FRESH_SECONDS = 300
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")

log = logging.getLogger(__name__)


class OidcRefusedError(HelpdeskError):
    """What came back from the provider is not the answer to what this browser asked."""


class OidcUnavailableError(HelpdeskError):
    """The provider does not answer, or does not say who it is as configured."""


class Provider:
    """The identity provider.

    Args:
        settings: issuer, client id and secret, all three set.
    """

    def __init__(self, settings: Settings) -> None:
        logging.getLogger("authlib").setLevel(logging.WARNING)  # at DEBUG it writes the verifier
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._public = str(settings.public_url).rstrip("/") if settings.public_url else None
        self._app = OAuth().register(
            name="staff",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            server_metadata_url=f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid",
                "code_challenge_method": "S256",
                "timeout": _PATIENCE,
                "trust_env": False,
            },
        )

    async def leave(self, request: Request, back_to: str) -> Response:
        """Return the redirect to the provider.

        Raises:
            OidcUnavailableError: the provider does not answer, or is another than configured.
        """
        await self._meet()
        kept: dict[str, Any] = {}
        request.scope["session"] = kept
        base = self._public or str(request.base_url).rstrip("/")
        response: Response = await self._app.authorize_redirect(request, base + CALLBACK)
        kept["next"] = back_to
        text = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()
        cookies.set_cookie(response, cookies.OIDC, text, _SECONDS_AWAY)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def come_back(self, request: Request) -> tuple[str, str]:
        """Return who signed in at the provider, by its `sub`, and where they wanted to go.

        Raises:
            OidcRefusedError: state, code, nonce, issuer, audience, time or signature are not as they must be.
            OidcUnavailableError: the provider does not answer.
        """
        await self._meet()
        kept = _kept(cookies.read(request, cookies.OIDC))
        if request.query_params.get("iss", self.issuer) != self.issuer:
            raise OidcRefusedError("another issuer answers")
        request.scope["session"] = kept
        must_be = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True},
        }
        try:
            token = await self._app.authorize_access_token(request, claims_options=must_be, leeway=_LEEWAY)
        except httpx2.HTTPError as error:
            raise OidcUnavailableError(type(error).__name__) from error
        except (AuthlibBaseError, JoseError, ValueError, TypeError) as error:
            raise OidcRefusedError(type(error).__name__) from error
        subject = token.get("userinfo", {}).get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 200 or not subject.isprintable():
            raise OidcRefusedError("no subject")
        return subject, str(kept.get("next", ""))

    async def _meet(self) -> None:
        """Read who the provider says it is, and its keys, every few minutes: a key that it withdrew ends with that.

        Only signatures with a public key are accepted.
        """
        if time.time() - self._app.server_metadata.get("_loaded_at", 0) > _FRESH_SECONDS:
            self._app.server_metadata.clear()
        try:
            told = await self._app.load_server_metadata()
        except (httpx2.HTTPError, ValueError) as error:
            raise OidcUnavailableError(type(error).__name__) from error
        if told.get("issuer") != self.issuer:
            told.clear()
            raise OidcUnavailableError("HELPDESK_OIDC_ISSUER is not the issuer that the provider names")
        if missing := [name for name in _NEEDED if not isinstance(told.get(name), str)]:
            told.clear()
            raise OidcUnavailableError(f"the provider names no {missing[0]}")
        offered = told.get("id_token_signing_alg_values_supported", ["RS256"])
        told["id_token_signing_alg_values_supported"] = [name for name in offered if name in _ALGORITHMS]


def _kept(text: str | None) -> dict[str, Any]:
    try:
        kept = json.loads(base64.urlsafe_b64decode(text or ""))
    except ValueError as error:
        raise OidcRefusedError("this browser did not set out from here") from error
    if not isinstance(kept, dict):
        raise OidcRefusedError("this browser did not set out from here")
    return kept
