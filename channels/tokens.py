"""Signed tokens: the host app's, which say who a parent is, and the demo's own."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import NotAuthenticatedError, SettingsError, TokenRejectedError
from core.scope import CITIES
from core.settings import Settings

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
LONGEST_LIFE = 15 * 60
ROLES = ("agent", "school", "district", "city", "editor", "admin")
_STAFF_AUDIENCE = "helpdesk-staff"
_CITY_OF_DEMO = {"cq": "chongqing", "qd": "qingdao"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid token speaks for; `guardian` is the host app's pseudonymous id."""

    guardian: str
    city: str
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff, with the part of the world that the role covers."""

    role: str
    scope: str


def read_token(settings: Settings, token: str) -> Identity:
    """Check a parent's token and return who it speaks for.

    Raises:
        TokenRejectedError: whatever is wrong with it; the parent is told to reopen the page in the app.
    """
    claims = _decode(settings, token, settings.token_audience, ["iss", "aud", "sub", "jti", "iat", "exp", "city"])
    if claims["city"] not in CITIES or not claims["sub"] or not claims["jti"]:
        raise _rejected()
    if claims["exp"] - claims["iat"] > LONGEST_LIFE:
        raise _rejected()
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return Identity(str(claims["sub"])[:120], claims["city"], str(claims["jti"])[:120], expires_at)


def read_staff_token(settings: Settings, token: str) -> Staff:
    """Check a staff token.

    Raises:
        NotAuthenticatedError: it is missing or refused.
    """
    try:
        claims = _decode(settings, token, _STAFF_AUDIENCE, ["iss", "aud", "iat", "exp", "role"])
    except TokenRejectedError as error:
        raise NotAuthenticatedError("请先登录。") from error
    if claims["role"] not in ROLES:
        raise NotAuthenticatedError("请先登录。")
    return Staff(claims["role"], str(claims.get("scope", "")))


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
    return _sign(settings, {"aud": _STAFF_AUDIENCE, "role": role, "scope": scope}, 8 * 3600)


def _sign(settings: Settings, claims: dict[str, Any], life: int) -> str:
    if settings.demo_key_file is None:
        raise SettingsError(
            "HELPDESK_DEMO_KEY_FILE is not set: demo tokens exist only where the demo key is configured"
        )
    now = int(time.time())
    claims = {**claims, "iss": settings.token_issuer, "jti": str(uuid.uuid4()), "iat": now, "exp": now + life}
    return jwt.encode(claims, _demo_key(settings.demo_key_file), algorithm="EdDSA")


def _decode(settings: Settings, token: str, audience: str, required: list[str]) -> dict[str, Any]:
    if audience == _STAFF_AUDIENCE and settings.demo_key_file is None:
        raise _rejected()
    for key in _keys(settings):
        try:
            return jwt.decode(
                token,
                key,
                algorithms=_algorithms(key),
                audience=audience,
                issuer=settings.token_issuer,
                leeway=settings.token_leeway,
                options={"require": required, "strict_aud": True},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError as error:
            raise _rejected() from error
    raise _rejected()


def _algorithms(key: Any) -> list[str]:
    """Return the one algorithm that fits the key's type, so that no token chooses another."""
    name = type(key).__name__
    return [a for a, mark in zip(ALGORITHMS, ("RSA", "EllipticCurve", "Ed25519"), strict=True) if mark in name]


def _rejected() -> TokenRejectedError:
    return TokenRejectedError("登录凭证无效或已过期，请回到报名页面，重新打开咨询窗口。")


def _keys(settings: Settings) -> list[Any]:
    keys = [_public_key(settings.token_public_key_file)] if settings.token_public_key_file else []
    return keys + ([_demo_key(settings.demo_key_file).public_key()] if settings.demo_key_file else [])


@lru_cache(maxsize=4)
def _public_key(path: Path) -> Any:
    try:
        return serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"HELPDESK_TOKEN_PUBLIC_KEY_FILE: no PEM public key at {path}: {error}") from error


@lru_cache(maxsize=4)
def _demo_key(path: Path) -> Any:
    """Return the demo's key; made at first use, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        fresh = path.with_suffix(f".{uuid.uuid4().hex}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(pem)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return serialization.load_pem_private_key(path.read_bytes(), password=None)
