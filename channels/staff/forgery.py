"""Calls that another site has a signed-in browser make: the browser says who asks, and a secret has to come along."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from core.errors import ForbiddenError, MalformedRequestError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_FORM = 16_384
_FORM_TYPE = "application/x-www-form-urlencoded"
_REFUSED = "这个请求不是从本页面发出的，请刷新页面后再试。"


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a field that comes twice the last, as nobody sends it so but a forger.

    Raises:
        MalformedRequestError: it is no form, or too long for one of ours.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise MalformedRequestError("请求格式不对，请刷新页面后再试。")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            raise MalformedRequestError("内容太大。")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise MalformedRequestError("请求格式不对，请刷新页面后再试。") from error


def refuse_other_sites(request: Request) -> None:
    """Refuse a call unless the browser says that a page of ours makes it.

    Raises:
        ForbiddenError: it comes from elsewhere, or does not say from where.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForbiddenError(_REFUSED)
        return
    origin = urlsplit(request.headers.get("origin", ""))
    if not origin.netloc or origin.netloc.lower() != request.headers.get("host", "").lower():
        raise ForbiddenError(_REFUSED)


def refuse_wrong_secret(given: str | None, expected: str | None) -> None:
    """Refuse a call that does not bring the secret, compared in constant time.

    Raises:
        ForbiddenError: there is none, or another.
    """
    if not given or not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise ForbiddenError(_REFUSED)


async def refuse_forged(request: Request, csrf: str) -> None:
    """Refuse a changing call by session cookie without the session's `csrf`, in the header or in the form.

    Raises:
        ForbiddenError: it is missing or wrong, or the call comes from another site.
    """
    refuse_other_sites(request)
    given = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith(_FORM_TYPE):
        await request.body()  # kept by the request: whoever reads the form afterwards finds it
        given = (await read_form(request)).get("csrf")
    refuse_wrong_secret(given, csrf)
