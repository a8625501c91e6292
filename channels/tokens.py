"""Signed tokens: the host app's, which say who a parent is, and the demo's own.

Whether a token is accepted depends on the token, the keys, the clock and the uses of its `jti`. Nobody is looked up for
it, here or at the backend, so neither the answer nor its time tells whether a guardian exists.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from channels.key_formats import Algorithm, Key, key_of
from channels.keys import TokenKeys, demo_key
from conversations.storage import Identity
from core.errors import NotAuthenticatedError, SettingsError, TokenRefusal, TokenRejectedError
from core.scope import City
from core.settings import Settings
from staff.roles import ROLES, Staff, StaffScope

LONGEST_LIFE = 15 * 60
LONGEST_TOKEN = 8192
_ALGORITHMS = get_args(Algorithm)
_STAFF_AUDIENCE = "helpdesk-staff"
_STAFF_REFUSED = "请先登录。"
_CITY_OF_DEMO = {"cq": "chongqing", "qd": "qingdao"}
# Headers that change what is signed or what the content is: nothing of that kind is understood here.
_REFUSED_HEADERS = {"crit", "b64", "cty", "enc", "zip"}
_REASONS: dict[type[jwt.InvalidTokenError], TokenRefusal] = {
    jwt.ExpiredSignatureError: TokenRefusal.EXPIRED,
    jwt.ImmatureSignatureError: TokenRefusal.NOT_YET_VALID,
    jwt.InvalidAlgorithmError: TokenRefusal.ALGORITHM,
    jwt.InvalidAudienceError: TokenRefusal.AUDIENCE,
    jwt.InvalidIssuerError: TokenRefusal.ISSUER,
}


Id = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[!-~]+$")]
Seconds = Annotated[int, Field(ge=0)]


class _ParentClaims(BaseModel):
    """The claims of a parent's token by type; `iss` and `aud`, and the times against the clock, are PyJWT's part."""

    model_config = ConfigDict(strict=True)

    sub: Id
    jti: Id
    city: City
    iat: Seconds
    exp: Seconds
    nbf: Seconds = 0

    @model_validator(mode="after")
    def _in_order(self) -> _ParentClaims:
        if self.exp <= self.iat:
            raise ValueError("it ends before it begins")
        return self


class _Jwt(jwt.PyJWT):
    """PyJWT, but a name that stands twice in the claims is refused: two readers could take two values of it."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        try:
            claims = json.loads(decoded["payload"], object_pairs_hook=_without_repetition)
        except (ValueError, RecursionError) as error:
            raise TokenRejectedError(TokenRefusal.MALFORMED) from error
        if not isinstance(claims, dict):
            raise TokenRejectedError(TokenRefusal.MALFORMED)
        return claims


_JWT = _Jwt()


async def read_token(settings: Settings, keys: TokenKeys, token: str) -> Identity:
    """Check a parent's token and return who it speaks for.

    Raises:
        TokenRejectedError: whatever is wrong with it; the parent is told to reopen the page in the app.
    """
    header = _header(token)
    found = await keys.named(header.get("kid"))
    if not found and not keys.known:
        raise TokenRejectedError(TokenRefusal.KEYS_UNAVAILABLE)
    claims = _verified(settings, token, header, found, settings.token_audience)
    try:
        parent = _ParentClaims.model_validate(claims)
    except ValidationError as error:
        raise TokenRejectedError(TokenRefusal.CLAIMS) from error
    if parent.exp - parent.iat > LONGEST_LIFE:
        raise TokenRejectedError(TokenRefusal.TOO_LONG_LIVED)
    accepted_until = datetime.fromtimestamp(parent.exp + settings.token_leeway, UTC)
    return Identity(parent.sub, parent.city, parent.jti, accepted_until)


def read_staff_token(settings: Settings, token: str) -> Staff:
    """Check a staff token; only the demo's own key signs any.

    Raises:
        NotAuthenticatedError: it is missing or refused.
    """
    if settings.demo_key_file is None:
        raise NotAuthenticatedError(_STAFF_REFUSED)
    key = key_of(demo_key(settings.demo_key_file).public_key())
    try:
        claims = _verified(settings, token, _header(token), [key], _STAFF_AUDIENCE)
    except TokenRejectedError as error:
        raise NotAuthenticatedError(_STAFF_REFUSED) from error
    role = claims.get("role")
    if role not in ROLES:
        raise NotAuthenticatedError(_STAFF_REFUSED)
    try:
        scope = StaffScope.parse(str(claims.get("scope", "")))
    except ValueError as error:
        raise NotAuthenticatedError(_STAFF_REFUSED) from error
    return Staff(f"demo:{role}:{scope}"[:80], f"演示{role}", role, scope)


def demo_token(settings: Settings, guardian: str) -> str:
    """Return a token for a demo family that the running demo accepts, valid for 15 minutes.

    Raises:
        SettingsError: the demo key is not configured.
    """
    city = _CITY_OF_DEMO.get(guardian.split("-", maxsplit=1)[0], "qingdao")
    return _sign(settings, {"aud": settings.token_audience, "sub": guardian, "city": city}, LONGEST_LIFE)


def demo_staff_token(settings: Settings, role: str, scope: str = "") -> str:
    """Return a staff token that the running demo accepts, valid for eight hours."""
    if role not in ROLES:
        raise SettingsError(f"no such role: {role!r}; the roles are {', '.join(ROLES)}")
    try:
        StaffScope.parse(scope)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return _sign(settings, {"aud": _STAFF_AUDIENCE, "role": role, "scope": scope}, 8 * 3600)


def _sign(settings: Settings, claims: dict[str, Any], life: int) -> str:
    if settings.demo_key_file is None:
        raise SettingsError(
            "HELPDESK_DEMO_KEY_FILE is not set: demo tokens exist only where the demo key is configured"
        )
    now = int(time.time())
    claims = {**claims, "iss": settings.token_issuer, "jti": str(uuid.uuid4()), "iat": now, "exp": now + life}
    return jwt.encode(claims, demo_key(settings.demo_key_file), algorithm="EdDSA")


def _header(token: str) -> dict[str, Any]:
    """Return the header of a signed token, which nobody has vouched for yet.

    Of what it may hold only `alg` and `kid` are read: a key or an address of keys in it (`jwk`, `jku`, `x5u`) is not.
    """
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise TokenRejectedError(TokenRefusal.MALFORMED)
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise TokenRejectedError(TokenRefusal.MALFORMED) from error
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise TokenRejectedError(TokenRefusal.MALFORMED)
    if header.get("alg") not in _ALGORITHMS:
        raise TokenRejectedError(TokenRefusal.ALGORITHM)
    return header


def _verified(
    settings: Settings, token: str, header: dict[str, Any], keys: Sequence[Key], audience: str
) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed, by the key's own algorithm."""
    if not keys:
        raise TokenRejectedError(TokenRefusal.UNKNOWN_KEY)
    fitting = [key for key in keys if key.algorithm == header["alg"]]
    for key in fitting:
        try:
            return _JWT.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=audience,
                issuer=settings.token_issuer,
                leeway=settings.token_leeway,
                options={"require": ["iss", "aud", "iat", "exp"], "strict_aud": True},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError as error:
            raise TokenRejectedError(_REASONS.get(type(error), TokenRefusal.CLAIMS)) from error
    raise TokenRejectedError(TokenRefusal.SIGNATURE if fitting else TokenRefusal.ALGORITHM)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found
