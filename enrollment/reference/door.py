"""Who may call the reference service: the right key, and where signing is asked for, a true signature used once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import Header, Request
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool

from core import clock
from core.errors import NotAuthenticatedError
from enrollment.errors import ReplayedError, SignatureError
from enrollment.reference.tables import SeenNonce
from enrollment.signing import NONCE_SECONDS, Signer


class SignatureRejectedError(NotAuthenticatedError):
    """The request is not signed as it has to be; `details["fault"]` says which kind of fault it is."""

    code = "signature_rejected"


def check_key(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    """Refuse who does not send the key."""
    expected = f"Bearer {request.app.state.key.get_secret_value()}"
    if not secrets.compare_digest(authorization.encode(), expected.encode()):
        raise NotAuthenticatedError("密钥不正确。")


async def check_signature(request: Request) -> None:
    """Refuse a request whose signature is missing, wrong, old or used; do nothing where none is asked for."""
    signer: Signer | None = request.app.state.signer
    if signer is None:
        return
    query = request.scope["query_string"]
    target = request.scope["raw_path"].decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    now = clock.now()
    try:
        nonce = signer.check(request.method, target, await request.body(), request.headers, now)
        await run_in_threadpool(_use_up, request.app.state.sessions, nonce)
    except SignatureError as error:
        raise SignatureRejectedError("签名不正确。", fault=type(error).__name__) from error


def _use_up(sessions: sessionmaker[Session], nonce: str) -> None:
    now = clock.now()
    try:
        with sessions.begin() as session:
            session.execute(delete(SeenNonce).where(SeenNonce.at < now - timedelta(seconds=NONCE_SECONDS)))
            session.add(SeenNonce(nonce=nonce, at=now))
    except IntegrityError as error:
        raise ReplayedError("the request came before") from error
