"""The keys that may check a token: read from PEM and from JWKS, each with the one algorithm of its type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError
from pydantic import BaseModel, ConfigDict, Field

Algorithm = Literal["RS256", "ES256", "EdDSA"]
_PEM = re.compile(rb"-----BEGIN (RSA )?PUBLIC KEY-----.+?-----END (RSA )?PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the one algorithm that it checks; without `kid` it checks tokens of any `kid`."""

    kid: str | None
    algorithm: Algorithm
    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


def key_of(public: object, kid: str | None = None) -> Key:
    """Return the key with the algorithm of its type.

    Raises:
        ValueError: no type or size that is accepted.
    """
    if isinstance(public, RSAPublicKey) and 2048 <= public.key_size <= 8192:
        return Key(kid, "RS256", public)
    if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
        return Key(kid, "ES256", public)
    if isinstance(public, Ed25519PublicKey):
        return Key(kid, "EdDSA", public)
    raise ValueError("a key that is neither RSA of 2048 to 8192 bits nor EC on P-256 nor Ed25519")


def keys_of_pem(pem: bytes) -> tuple[Key, ...]:
    """Return every key of a PEM file, e.g. the old and the new one.

    Raises:
        ValueError: it has none, or something else than accepted public keys.
    """
    blocks = [match.group() for match in _PEM.finditer(pem)]
    if not blocks or len(blocks) != pem.count(b"-----BEGIN "):
        raise ValueError("it has to hold PEM public keys, one or several, and nothing else in PEM")
    try:
        return tuple(key_of(load_pem_public_key(block)) for block in blocks)
    except UnsupportedAlgorithm as error:
        raise ValueError("a key of an unknown kind") from error


class _Jwk(BaseModel):
    """What a JSON Web Key must say of itself to be used here: public, asymmetric, named, and for signatures."""

    model_config = ConfigDict(extra="allow")

    kid: Annotated[str, Field(min_length=1, max_length=200)]
    kty: Literal["RSA", "EC", "OKP"]
    use: Literal["sig"] | None = None
    alg: Algorithm | None = None
    key_ops: list[str] | None = None
    d: None = None


class _JwkSet(BaseModel):
    keys: list[Any]


def keys_of_set(body: bytes) -> tuple[tuple[Key, ...], int]:
    """Return the usable keys of a JWKS, and how many others it has.

    Raises:
        ValueError: it is no JWKS.
    """
    found = _JwkSet.model_validate_json(body).keys
    keys = tuple(key for key in map(_key_of_jwk, found) if key)
    return keys, len(found) - len(keys)


def _key_of_jwk(raw: object) -> Key | None:
    try:
        jwk = _Jwk.model_validate(raw)
        if jwk.key_ops is not None and "verify" not in jwk.key_ops:
            return None
        return key_of(PyJWK(jwk.model_dump(exclude_none=True)).key, jwk.kid)
    except (PyJWTError, UnsupportedAlgorithm, KeyError, TypeError, ValueError):
        return None  # counted by the caller: other people's sets hold keys for other purposes
