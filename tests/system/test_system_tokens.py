"""Tokens of a host app that are not right, sent to the real service: each is refused, alike, and nothing is stored."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from desk_running import Service, free_ports, running_app
from host_app import JwksServer, claims, hs_token, jwks_server, segment, signing_key
from parent_client import API, Parent
from prometheus_client.parser import text_string_to_metric_families

from core.errors import TokenRefusal, TokenRejectedError

pytestmark = pytest.mark.system
ED, EC, RSA = signing_key("ed-1"), signing_key("ec-1", "ES256"), signing_key("rsa-1", "RS256")
ED_2, STRANGER = signing_key("ed-2"), signing_key("stranger")
SECRET = b"a symmetric key that stands in the set by mistake"
OCT = {"kty": "oct", "kid": "hs-1", "alg": "HS256", "use": "sig", "k": segment(SECRET)}
SAME = {
    "error": {"code": "token_rejected", "message": TokenRejectedError(TokenRefusal.MALFORMED).message, "details": {}}
}
Token = Callable[[], str]


@dataclass(frozen=True)
class Hosted:
    """A service that asks one host app's address for keys, and an address that it must never ask."""

    service: Service
    keys: JwksServer
    trap: JwksServer


TRAP: list[JwksServer] = []


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    folder = tmp_path_factory.mktemp("tokens")
    with (
        jwks_server(ED.jwk(), EC.jwk(), RSA.jwk(), ED_2.jwk(), OCT) as keys,
        jwks_server(STRANGER.jwk()) as trap,
        running_app(folder, **without_demo(folder), HELPDESK_TOKEN_JWKS_URL=keys.url) as service,
    ):
        TRAP[:] = [trap]
        yield Hosted(service, keys, trap)


def without_demo(folder: Path) -> dict[str, str]:
    return {"HELPDESK_ENV_FILE": str(folder / "none.env"), "HELPDESK_DEMO_KEY_FILE": ""}


def opens(service: Service, token: str) -> httpx.Response:
    return httpx.post(service.base + API, content=json.dumps({"token": token}), headers=JSON, trust_env=False)


JSON = {"Content-Type": "application/json"}


def counted(service: Service, name: str = "helpdesk_token_refusals") -> dict[str, float]:
    text = httpx.get(f"{service.base}/metrics", trust_env=False).text
    found = {family.name: family for family in text_string_to_metric_families(text)}
    return {sample.labels["reason"]: sample.value for sample in found[name].samples}


def rows(service: Service) -> dict[str, int]:
    """Return how much is stored."""
    with closing(sqlite3.connect(f"file:{service.folder}/helpdesk.db?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"conversations", "token_uses", "said", "offered"} <= set(tables)
        return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}  # noqa: S608


def unsigned(algorithm: str, signature: str = "") -> str:
    return f"{segment({'alg': algorithm, 'typ': 'JWT', 'kid': 'ed-1'})}.{segment(claims())}.{signature}"


def parts(*, keep: str) -> str:
    """Return a good token of which only some parts are left."""
    head, body, signature = ED.token().split(".")
    return keep.format(head=head, body=body, signature=signature, other=segment(claims(sub="cq-liu")))


def from_now(**seconds: int) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value for name, value in seconds.items()}


def raw(changed: str, name: str = "exp") -> str:
    """Return a good token of the host in which one claim stands as written."""
    text = json.dumps(claims(**{name: "HERE"})).replace('"HERE"', changed)
    return ED.sign(text.encode())


def by_stranger(**header: Any) -> str:
    return STRANGER.token({"kid": "ed-1", **header})


MALFORMED: dict[str, Token] = {
    "nothing": lambda: "",
    "dots": lambda: "..",
    "words": lambda: "no.token.atall",
    "signature and its dot cut off": lambda: parts(keep="{head}.{body}"),
    "a fourth part": lambda: parts(keep="{head}.{body}.{body}.{signature}"),
    "no base64": lambda: parts(keep="{head}.{body}.{signature}!"),
    "a space before it": lambda: " " + ED.token(),
    "not ASCII": lambda: ED.token() + "家",
    "half a character": lambda: ED.token() + "\ud800",
    "a null byte": lambda: ED.token() + "\x00",
    "encrypted": lambda: ".".join([segment({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa-1"}), *["AAAA"] * 4]),
    "said to be encrypted": lambda: ED.token({"enc": "A256GCM"}),
    "compressed": lambda: ED.token({"zip": "DEF"}),
    "nested": lambda: ED.sign(ED.token().encode(), {"cty": "JWT"}),
    "nested and silent about it": lambda: ED.sign(ED.token().encode()),
    "something critical": lambda: ED.token({"crit": ["exp"]}),
    "nothing critical": lambda: ED.token({"crit": []}),
    "payload detached": lambda: ED.token({"crit": ["b64"], "b64": False}),
    "payload said to be encoded": lambda: ED.token({"crit": ["b64"], "b64": True}),
    "kid of another type": lambda: ED.token({"kid": 1}),
    "kid is null": lambda: ED.token({"kid": None}),
    "100 KB": lambda: ED.token(more="x" * 100_000),
    "a little too long": lambda: at_least(8193),
    "claims that are a list": lambda: ED.sign(b"[]"),
    "claims that are no JSON": lambda: ED.sign(b"{sub: cq-zhang}"),
    "claims deeply nested": lambda: ED.sign(b"[" * 5000),
    "a claim twice": lambda: ED.sign(json.dumps(claims())[:-1].encode() + b', "sub": "cq-liu"}'),
    "a claim twice, spelt another way": lambda: ED.sign(
        json.dumps(claims())[:-1].encode() + b', "s\\u0075b": "cq-liu"}'
    ),
    "a number of 5000 digits": lambda: raw("9" * 5000),
}
ALGORITHM: dict[str, Token] = {
    **{f"alg {name}": lambda name=name: unsigned(name) for name in ("none", "None", "nOnE", "NONE", "")},  # type: ignore[misc]
    "alg none with a signature": lambda: unsigned("none", ED.token().split(".")[2]),
    "no alg": lambda: ED.sign(json.dumps(claims()).encode(), {"alg": None}),
    "alg is a list": lambda: ED.token({"alg": ["EdDSA"]}),
    "HS256 with the RSA key's PEM": lambda: hs_token(RSA.pem, "rsa-1"),
    "HS256 with the RSA key's JWK": lambda: hs_token(json.dumps(RSA.jwk()).encode(), "rsa-1"),
    "HS256 with the EC key's PEM": lambda: hs_token(EC.pem, "ec-1"),
    "HS256 with the Ed25519 key's PEM": lambda: hs_token(ED.pem, "ed-1"),
    "HS256 with the set's symmetric key": lambda: hs_token(SECRET, "hs-1"),
    "PS256 by the RSA key": lambda: jwt.encode(claims(), RSA.private, "PS256", {"kid": "rsa-1"}),
    "RS512 by the RSA key": lambda: jwt.encode(claims(), RSA.private, "RS512", {"kid": "rsa-1"}),
    "ES256 by the EC key under the RSA key's name": lambda: EC.token({"kid": "rsa-1"}),
    "EdDSA said of the RSA key": lambda: RSA.token({"alg": "EdDSA"}),
}
UNKNOWN_KEY: dict[str, Token] = {
    "a stranger": STRANGER.token,
    "a stranger with an own key in the header": lambda: STRANGER.token({"jwk": STRANGER.jwk()}),
    "a stranger with an address in the header": lambda: STRANGER.token({"jku": TRAP[0].url, "x5u": TRAP[0].url}),
    "no kid": lambda: ED.sign(json.dumps(claims()).encode()).replace(segment(HEADER), segment(NAMELESS)),
    "kid of the symmetric key": lambda: ED.token({"kid": "hs-1"}),
    **{
        f"kid {kid[:30]!r}": lambda kid=kid: ED.token({"kid": kid})  # type: ignore[misc]
        for kid in (
            "", "../../../../dev/null", "/etc/passwd", "' OR 1=1 --", "ed-1' UNION SELECT 'x", "ed-1\x00", "ED-1",
            " ed-1", "http://127.0.0.1/jwks.json", "$(id)", "家长", "x" * 3000,
        )
    },
}  # fmt: skip
HEADER = {"alg": "EdDSA", "typ": "JWT", "kid": "ed-1"}
NAMELESS = {"alg": "EdDSA", "typ": "JWT"}
SIGNATURE: dict[str, Token] = {
    "tampered": lambda: parts(keep="{head}.{other}.{signature}"),
    "signature cut off": lambda: parts(keep="{head}.{body}."),
    "signature cut short": lambda: ".".join([*ED.token().split(".")[:2], segment(bytes(60))]),
    "signed by the key of another name": lambda: ED_2.token({"kid": "ed-1"}),
    "signed by a stranger": by_stranger,
    "a stranger's key in the header": lambda: by_stranger(jwk=STRANGER.jwk(kid="ed-1")),
    "a stranger's address in the header": lambda: by_stranger(jku=TRAP[0].url),
    "a stranger's certificate's address in the header": lambda: by_stranger(x5u=TRAP[0].url, x5c=["AAAA"]),
    "an EC signature of noughts": lambda: ".".join([*EC.token().split(".")[:2], segment(bytes(64))]),
    "an EC signature as DER": lambda: ".".join(
        [*EC.token().split(".")[:2], segment(b"\x30\x06\x02\x01\x01\x02\x01\x01")]
    ),
}
TIMES: dict[str, tuple[TokenRefusal, Token]] = {
    "expired": (TokenRefusal.EXPIRED, lambda: ED.token(**from_now(iat=-700, exp=-100))),
    "expired just beyond the skew": (TokenRefusal.EXPIRED, lambda: ED.token(**from_now(iat=-600, exp=-31))),
    "exp negative": (TokenRefusal.EXPIRED, lambda: ED.token(exp=-1)),
    "issued in the future": (TokenRefusal.NOT_YET_VALID, lambda: ED.token(**from_now(iat=300, exp=600))),
    "not valid yet": (TokenRefusal.NOT_YET_VALID, lambda: ED.token(**from_now(nbf=300))),
    "a second too long a life": (TokenRefusal.TOO_LONG_LIVED, lambda: ED.token(**from_now(iat=0, exp=901))),
    "a day's life": (TokenRefusal.TOO_LONG_LIVED, lambda: ED.token(**from_now(exp=86_400))),
    "exp huge": (TokenRefusal.TOO_LONG_LIVED, lambda: ED.token(exp=10**300)),
    "issued at the beginning of time": (TokenRefusal.TOO_LONG_LIVED, lambda: ED.token(iat=0)),
}
PARTIES: dict[str, tuple[TokenRefusal, Token]] = {
    "another issuer": (TokenRefusal.ISSUER, lambda: ED.token(iss="another")),
    "several issuers": (TokenRefusal.ISSUER, lambda: ED.token(iss=["enrolment-app"])),
    "issuer in capitals": (TokenRefusal.ISSUER, lambda: ED.token(iss="Enrolment-App")),
    "another audience": (TokenRefusal.AUDIENCE, lambda: ED.token(aud="another")),
    "several audiences": (TokenRefusal.AUDIENCE, lambda: ED.token(aud=["helpdesk", "another"])),
    "the staff's audience": (TokenRefusal.AUDIENCE, lambda: ED.token(aud="helpdesk-staff", role="admin")),
}
WRONG_CLAIMS: list[dict[str, Any]] = [
    *({name: None} for name in claims()),
    *({name: value} for name in ("sub", "jti") for value in ("", "x" * 121, 7, ["cq-zhang"], {"id": "cq-zhang"}, True)),
    *({name: value} for name in ("sub", "jti") for value in ("张伟", "cq\x00zhang", "cq zhang", "cq\n", "cq\u200b")),
    *({"city": value} for value in ("beijing", "Chongqing", ["chongqing"], 1, "")),
    *({name: value} for name in ("iat", "exp", "nbf") for value in ("soon", [1], {})),
    {"iat": True},
    {"iat": -1},
    {"nbf": -1},
    {"nbf": "0"},
]  # fmt: skip
CLAIMS: dict[str, Token] = {
    **{f"claims {changes!r:.60}": lambda changes=changes: ED.token(**changes) for changes in WRONG_CLAIMS},  # type: ignore[misc]
    "exp as text": lambda: ED.token(exp=str(int(time.time()) + 3600)),
    "exp with a fraction": lambda: ED.token(exp=time.time() + 600.5),
    "iat as text": lambda: ED.token(iat=str(int(time.time()))),
    "it ends before it begins": lambda: ED.token(**from_now(iat=20, exp=10)),
    **{f"exp {number}": lambda number=number: raw(number) for number in ("1e400", "NaN", "Infinity", "null")},  # type: ignore[misc]
}
HOSTILE: dict[str, tuple[TokenRefusal, Token]] = {
    **{how: (TokenRefusal.MALFORMED, make) for how, make in MALFORMED.items()},
    **{how: (TokenRefusal.ALGORITHM, make) for how, make in ALGORITHM.items()},
    **{how: (TokenRefusal.UNKNOWN_KEY, make) for how, make in UNKNOWN_KEY.items()},
    **{how: (TokenRefusal.SIGNATURE, make) for how, make in SIGNATURE.items()},
    **{how: (TokenRefusal.CLAIMS, make) for how, make in CLAIMS.items()},
    **TIMES,
    **PARTIES,
}


def at_least(length: int) -> str:
    """Return the shortest good token with that many characters; not every length is possible."""
    missing = length - len(ED.token(more=""))
    return next(
        token for filler in range(missing * 3 // 4 - 8, missing) if len(token := ED.token(more="x" * filler)) >= length
    )


@pytest.mark.parametrize("how", HOSTILE)
def test_a_token_that_is_not_right_is_refused_alike_and_nothing_is_stored(hosted: Hosted, how: str) -> None:
    reason, make = HOSTILE[how]
    service = hosted.service
    with closing(Parent(service.base, city="chongqing")) as parent:
        stored, before = rows(service), counted(service)
        later = parent.http.put(f"{parent.address}/token", content=json.dumps({"token": make()}), headers=JSON)
        for response in (opens(service, make()), later):
            assert (response.status_code, response.json()) == (401, SAME)
        assert rows(service) == stored
        after = counted(service)
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {reason: 2}
        assert parent.transcript()["signed_in"] is False
    assert hosted.trap.asked == 0, "an address that a token names was asked"


@pytest.mark.parametrize("key", [ED, EC, RSA, ED_2], ids=lambda key: key.kid)
def test_every_key_of_the_set_signs_in_and_renews(hosted: Hosted, key: Any) -> None:
    with closing(Parent(hosted.service.base, token=key.token())) as parent:
        assert parent.opening["signed_in"] is True
        assert parent.opening["city"] == "chongqing"
        assert parent.sign_in(key.token()).status_code == 204


@pytest.mark.parametrize(
    "token",
    [
        lambda: ED.token(**from_now(iat=25, exp=600)),
        lambda: ED.token(**from_now(iat=-600, exp=-25)),
        lambda: ED.token(**from_now(iat=0, exp=900, nbf=25)),
        lambda: ED.token(sub="x" * 120, jti=f"{time.time_ns():0120}"),
        lambda: ED.token({"typ": None, "x5t": "AAAA"}, more={"of": "theirs"}),
        lambda: at_least(8192),
    ],
    ids=["clock ahead", "clock behind", "longest life", "longest ids", "more than is read", "longest token"],
)
def test_a_token_at_the_edge_of_what_is_right_is_accepted(hosted: Hosted, token: Token) -> None:
    response = opens(hosted.service, token())
    assert response.status_code == 201, response.text
    assert response.json()["signed_in"] is True


def test_two_long_names_that_begin_alike_stay_two_guardians(hosted: Hosted) -> None:
    with closing(Parent(hosted.service.base, token=ED.token(sub="x" * 119 + "a"))) as parent:
        before = counted(hosted.service)
        response = parent.sign_in(ED.token(sub="x" * 119 + "b"))
        assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
        assert counted(hosted.service)["other_guardian"] == before["other_guardian"] + 1


def test_a_token_used_in_another_conversation_is_refused_and_leaves_no_conversation_behind(hosted: Hosted) -> None:
    service, token = hosted.service, ED.token()
    with closing(Parent(service.base, token=token)) as first, closing(Parent(service.base)) as second:
        stored, before = rows(service), counted(service)
        for response in (opens(service, token), second.sign_in(token)):
            assert (response.status_code, response.json()) == (401, SAME)
        assert rows(service) == stored
        assert counted(service)["replayed"] == before["replayed"] + 2
        assert second.transcript()["signed_in"] is False
        assert first.sign_in(token).status_code == 204


def test_neither_log_nor_metrics_name_what_a_refused_token_said(hosted: Hosted) -> None:
    said = {"sub": "guardian-of-secret", "jti": "jti-of-secret", "aud": "aud-of-secret"}
    tokens = [ED.token({"kid": "kid-of-secret"}, **said), ED.token(**said), ED.token(sub="guardian-of-secret", exp=1)]
    for token in tokens:
        assert opens(hosted.service, token).status_code == 401
    written = (hosted.service.folder / "app.log").read_text(encoding="utf-8")
    metrics = httpx.get(f"{hosted.service.base}/metrics", trust_env=False).text
    assert not [place for place in (written, metrics) if "of-secret" in place or tokens[0] in place]


def test_the_service_starts_without_the_hosts_address_and_follows_its_keys(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/jwks.json"

    def signs_in(make: Token, seconds: float = 20) -> bool:
        ends = time.monotonic() + seconds
        while (response := opens(service, make())).status_code != 201 and time.monotonic() < ends:
            time.sleep(0.5)
        return bool(response.status_code == 201)

    def identity() -> Any:
        return httpx.get(f"{service.base}/readyz", trust_env=False).json()["parts"]["identity"]

    with running_app(tmp_path, **without_demo(tmp_path), HELPDESK_TOKEN_JWKS_URL=url) as service:
        assert identity() is False
        assert opens(service, ED.token()).json() == SAME
        assert counted(service)["keys_unavailable"] == 1
        with closing(Parent(service.base, city="chongqing")) as parent:
            assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
        with jwks_server(ED.jwk(), port=port) as keys:
            assert signs_in(ED.token)
            assert identity() is True
            keys.hold(EC.jwk())
            assert signs_in(EC.token)
            assert not signs_in(ED.token, seconds=0), "it was withdrawn"
