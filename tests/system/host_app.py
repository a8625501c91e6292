"""A host app for tests: its signing keys, the tokens it makes, and its JWKS address on a real socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER, AUDIENCE = "enrolment-app", "helpdesk"
_TYPES: dict[str, Any] = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


@dataclass(frozen=True)
class SigningKey:
    """A private key, its algorithm and its name."""

    kid: str
    algorithm: str
    private: Any

    @cached_property
    def pem(self) -> bytes:
        """The public key as PEM."""
        pem: bytes = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public key as a JWK; a change to None leaves a member out."""
        whole = _TYPES[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        whole = {**whole, "kid": self.kid, "use": "sig", "alg": self.algorithm, **changes}
        return {name: value for name, value in whole.items() if value is not None}

    def private_jwk(self) -> dict[str, Any]:
        """Return the private key as a JWK, which no set may hold."""
        private: dict[str, Any] = _TYPES[self.algorithm].to_jwk(self.private, as_dict=True)
        return {**private, "kid": self.kid}

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a signed token; a change of a claim to None leaves it out."""
        return self.sign(json.dumps(claims(**changes)).encode(), header)

    def sign(self, payload: bytes, header: dict[str, Any] | None = None) -> str:
        """Return a token with that payload, signed by the key's own algorithm whatever the header says."""
        whole = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **(header or {})}
        body = f"{segment(whole)}.{segment(payload)}"
        signature: bytes = jwt.PyJWS().get_algorithm_by_name(self.algorithm).sign(body.encode(), self.private)
        return f"{body}.{segment(signature)}"


@lru_cache
def signing_key(kid: str, algorithm: str = "EdDSA", *, bits: int = 2048) -> SigningKey:
    """Return a key of that name, made at first use; an RSA key of `bits`."""
    if algorithm == "RS256":
        return SigningKey(kid, algorithm, rsa.generate_private_key(65537, bits))
    if algorithm == "ES256":
        return SigningKey(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(kid, algorithm, ed25519.Ed25519PrivateKey.generate())


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token, changed."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "cq-zhang", "jti": str(uuid.uuid4())}
    whole = {**good, "iat": now, "exp": now + 600, "city": "chongqing", **changes}
    return {name: value for name, value in whole.items() if value is not None}


def segment(value: dict[str, Any] | bytes) -> str:
    """Return one part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hs_token(secret: bytes, kid: str = "any") -> str:
    """Return a token that a shared secret signs."""
    body = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{segment(claims())}"
    return f"{body}.{segment(hmac.digest(secret, body.encode(), hashlib.sha256))}"


@dataclass
class JwksServer:
    """What the address answers, and how often it was asked."""

    url: str = ""
    body: bytes = b'{"keys": []}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    open: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, *jwks: Any) -> None:
        """Answer with a set of these keys."""
        self.body, self.status = json.dumps({"keys": jwks}).encode(), 200

    def count(self) -> None:
        """Note that the address was asked."""
        with self._lock:
            self.asked += 1


@contextmanager
def jwks_server(*jwks: Any, port: int = 0) -> Iterator[JwksServer]:
    """Serve a set of keys; clear `open` to let every question wait."""
    server = JwksServer()
    server.hold(*jwks)
    server.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.count()
            server.open.wait(30)
            self.send_response(server.status)
            for name, value in {"Content-Length": str(len(server.body)), **server.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(server.body)
            except ConnectionError:
                self.close_connection = True  # it was too long, and the reader has left

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/jwks.json"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.open.set()
        http.shutdown()
        http.server_close()
        thread.join()
