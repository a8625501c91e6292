"""Where the keys of parents' tokens come from: PEM files, and a JWKS address on a real socket that may misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from desk_running import free_ports
from host_app import JwksServer, hs_token, jwks_server, signing_key

from channels.key_formats import Key, keys_of_pem, keys_of_set
from channels.keys import MAX_BYTES, KeyAddress, TokenKeys
from channels.tokens import read_token
from core.errors import SettingsError, TokenRefusal, TokenRejectedError
from core.settings import Settings

OLD, NEW = signing_key("2026-03"), signing_key("2026-04", "ES256")
RSA, WEAK = signing_key("rsa", "RS256"), signing_key("weak", "RS256", bits=1024)
PATIENCE, PAUSE = 0.5, 0.4


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with jwks_server(OLD.jwk()) as running:
        yield running


@asynccontextmanager
async def asking(url: str, refresh: float = 60, keep: float = 60, pause: float = PAUSE) -> AsyncIterator[KeyAddress]:
    """Give a client of the address that nothing has been asked with yet."""
    address = KeyAddress(url, refresh, keep, PATIENCE, pause)
    try:
        yield address
    finally:
        await address.aclose()


@asynccontextmanager
async def watching(url: str, refresh: float = 60, keep: float = 60) -> AsyncIterator[KeyAddress]:
    """Give a client that asks at intervals."""
    async with asking(url, refresh, keep, pause=0.05) as address:
        task = asyncio.create_task(address.watch())
        yield address
        task.cancel()


async def becomes(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not become so"
        await asyncio.sleep(0.01)


def names(keys: tuple[Key, ...] | list[Key]) -> list[str | None]:
    return [key.kid for key in keys]


def test_a_file_may_hold_the_old_and_the_new_key() -> None:
    text = b"old key, until 1 May\n" + OLD.pem + b"\nnew key\n" + NEW.pem + RSA.pem
    assert [(key.kid, key.algorithm) for key in keys_of_pem(text)] == [
        (None, "EdDSA"),
        (None, "ES256"),
        (None, "RS256"),
    ]


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "PEM public keys"),
        (b"ssh-ed25519 AAAA", "PEM public keys"),
        (OLD.pem + WEAK.pem, "2048 to 8192 bits"),
        (
            ec.generate_private_key(ec.SECP384R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "EC on P-256",
        ),
        (
            ed448.Ed448PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "nor Ed25519",
        ),
        (OLD.pem + OLD.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "nothing else in PEM"),
        (OLD.pem.replace(b"-----END PUBLIC KEY-----", b"") + NEW.pem, "nothing else in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", ""),
    ],
    ids=["empty", "ssh", "weak", "P-384", "Ed448", "private", "cut", "garbage"],
)
def test_a_file_that_is_not_only_accepted_public_keys_stops_the_start(tmp_path: Path, pem: bytes, reason: str) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(pem)
    with pytest.raises(SettingsError, match=f"HELPDESK_TOKEN_PUBLIC_KEY_FILE: .*keys.pem.*{reason}"):
        TokenKeys(Settings(_env_file=None, token_public_key_file=file))  # type: ignore[call-arg]


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"HELPDESK_TOKEN_PUBLIC_KEY_FILE: .*No such file"):
        TokenKeys(Settings(_env_file=None, token_public_key_file=tmp_path / "none.pem"))  # type: ignore[call-arg]


@pytest.mark.anyio
async def test_tokens_by_the_old_and_the_new_key_of_a_file_are_read_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(RSA.pem + NEW.pem)
    settings = Settings(_env_file=None, token_public_key_file=file)  # type: ignore[call-arg]
    keys = TokenKeys(settings)
    for good in (RSA.token(), NEW.token({"kid": "any"})):
        assert (await read_token(settings, keys, good)).guardian == "cq-zhang"
    refused = {
        OLD.token(): TokenRefusal.ALGORITHM,
        signing_key("other", "ES256").token(): TokenRefusal.SIGNATURE,
        **{hs_token(secret): TokenRefusal.ALGORITHM for secret in (file.read_bytes(), RSA.pem, NEW.pem)},
    }
    for token, reason in refused.items():
        with pytest.raises(TokenRejectedError) as error:
            await read_token(settings, keys, token)
        assert error.value.reason is reason


@pytest.mark.anyio
async def test_a_token_counts_as_used_for_as_long_as_it_would_be_accepted(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(OLD.pem)
    settings = Settings(_env_file=None, token_public_key_file=file, token_leeway=45)  # type: ignore[call-arg]
    ends = int(time.time()) + 300
    identity = await read_token(settings, TokenKeys(settings), OLD.token(exp=ends))
    assert identity.expires_at.timestamp() == ends + 45


@pytest.mark.anyio
async def test_without_any_key_every_token_is_refused() -> None:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    keys = TokenKeys(settings)
    assert keys.known is False
    with pytest.raises(TokenRejectedError) as error:
        await read_token(settings, keys, OLD.token())
    assert error.value.reason is TokenRefusal.KEYS_UNAVAILABLE


def set_of(*jwks: Any) -> bytes:
    return json.dumps({"keys": jwks}).encode()


def test_each_key_of_a_set_has_the_one_algorithm_of_its_type() -> None:
    keys, others = keys_of_set(set_of(RSA.jwk(), NEW.jwk(alg=None), OLD.jwk(use=None, alg=None)))
    assert [(key.kid, key.algorithm) for key in keys] == [("rsa", "RS256"), ("2026-04", "ES256"), ("2026-03", "EdDSA")]
    assert others == 0


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "kid": "s", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        {"kty": "oct", "kid": "s", "alg": "RS256"},
        OLD.private_jwk(),
        RSA.private_jwk(),
        WEAK.jwk(),
        RSA.jwk(use="enc"),
        RSA.jwk(key_ops=["encrypt"]),
        RSA.jwk(alg="PS256"),
        RSA.jwk(alg="RS512"),
        RSA.jwk(alg="HS256"),
        RSA.jwk(alg="none"),
        RSA.jwk(alg="ES256"),
        RSA.jwk(alg=["RS256"]),
        RSA.jwk(kid=None),
        RSA.jwk(kid=""),
        RSA.jwk(kid=7),
        RSA.jwk(n="AQ"),
        RSA.jwk(n=None),
        RSA.jwk(n=5),
        NEW.jwk(crv="P-384"),
        NEW.jwk(crv="secp256k1"),
        NEW.jwk(x="AAAA"),
        NEW.jwk(y=None),
        OLD.jwk(crv="Ed448"),
        OLD.jwk(crv="X25519"),
        OLD.jwk(x="***"),
        OLD.jwk(kty="EC"),
        {},
        "a key",
        None,
    ],
    ids=repr,
)
def test_what_is_no_accepted_key_in_a_set_is_left_out_and_spoils_no_other(jwk: Any) -> None:
    keys, others = keys_of_set(set_of(jwk, NEW.jwk(kid="good")))
    assert names(keys) == ["good"]
    assert others == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b"[" * 5000, b"\xff", b'{"keys": 1}'])
def test_what_is_no_set_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="_JwkSet"):
        keys_of_set(body)


@pytest.mark.anyio
async def test_keys_are_got_at_once_and_again_at_intervals(server: JwksServer) -> None:
    async with watching(server.url, refresh=0.1) as address:
        await becomes(lambda: names(address.keys) == ["2026-03"])
        server.hold(OLD.jwk(), NEW.jwk())
        await becomes(lambda: names(address.keys) == ["2026-03", "2026-04"])


@pytest.mark.anyio
async def test_a_withdrawn_key_is_gone_with_the_next_answer(server: JwksServer) -> None:
    async with watching(server.url, refresh=0.1) as address:
        await becomes(lambda: names(address.keys) == ["2026-03"])
        server.hold(NEW.jwk())
        await becomes(lambda: names(address.keys) == ["2026-04"])
        assert await address.named("2026-03") == []
        server.hold()
        await becomes(lambda: address.keys == ())


@pytest.mark.anyio
async def test_an_unknown_name_is_looked_up_at_once(server: JwksServer) -> None:
    async with asking(server.url) as address:
        assert names(await address.named("2026-03")) == ["2026-03"]
        server.hold(OLD.jwk(), NEW.jwk())
        assert await address.named("2026-04") == [], "the pause is not over"
        await asyncio.sleep(PAUSE)
        assert names(await address.named("2026-04")) == ["2026-04"]
        assert server.asked == 2


@pytest.mark.anyio
@pytest.mark.parametrize("status", [200, 500])
async def test_a_flood_of_made_up_names_makes_no_flood_of_questions(server: JwksServer, status: int) -> None:
    async with asking(server.url, pause=60) as address:
        server.status = status
        for burst in range(20):
            found = await asyncio.gather(*(address.named(f"made-up-{burst}-{number}") for number in range(100)))
            assert found == [[]] * 100
        assert server.asked == 1


@pytest.mark.anyio
async def test_all_who_need_a_new_key_wait_for_the_same_answer(server: JwksServer) -> None:
    async with asking(server.url) as address:
        server.open.clear()
        waiting = [asyncio.create_task(address.named("2026-03")) for _ in range(50)]
        await becomes(lambda: server.asked == 1)
        waiting[0].cancel()
        server.open.set()
        assert [names(await one) for one in waiting[1:]] == [["2026-03"]] * 49
        assert server.asked == 1


@pytest.mark.anyio
async def test_a_slow_address_holds_nobody_up_who_has_a_known_key(server: JwksServer) -> None:
    async with watching(server.url, refresh=0.1) as address:
        await becomes(lambda: names(address.keys) == ["2026-03"])
        server.open.clear()
        before = server.asked
        await becomes(lambda: server.asked > before)
        longest, last = 0.0, time.monotonic()
        while time.monotonic() < last + PATIENCE / 2:
            start = time.monotonic()
            assert names(await address.named("2026-03")) == ["2026-03"]
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - start)
        assert longest < PATIENCE * 0.8, "the event loop stood still"


@pytest.mark.anyio
async def test_a_slow_address_is_given_up_in_time(server: JwksServer) -> None:
    async with asking(server.url) as address:
        server.open.clear()
        start = time.monotonic()
        assert await address.named("2026-03") == []
        assert PATIENCE * 0.9 < time.monotonic() - start < PATIENCE + 4


def spoil(server: JwksServer, how: str) -> None:
    """Let the address misbehave."""
    if how == "slow":
        server.open.clear()
    elif how == "500":
        server.status = 500
    elif how == "moved":
        server.status, server.headers = 302, {"Location": server.url}
    else:
        server.body = {
            "garbage": b"<html>maintenance</html>",
            "cut": set_of(NEW.jwk())[:-20],
            "huge": set_of(NEW.jwk(), "x" * MAX_BYTES),
            "packed": gzip.compress(set_of(NEW.jwk())),
        }[how]
        server.headers = {"Content-Encoding": "gzip"} if how == "packed" else {}


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["slow", "500", "moved", "garbage", "cut", "huge", "packed"])
async def test_known_keys_outlive_an_address_that_fails_until_it_is_back(
    server: JwksServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(server.url, refresh=0.1) as address:
        await becomes(lambda: names(address.keys) == ["2026-03"])
        spoil(server, how)
        before = server.asked
        await becomes(lambda: server.asked >= before + 3)
        assert names(address.keys) == ["2026-03"]
        assert "the address gave none" in caplog.text
        assert "1 are known still" in caplog.text
        server.headers = {}
        server.open.set()
        server.hold(NEW.jwk())
        await becomes(lambda: names(address.keys) == ["2026-04"])


@pytest.mark.anyio
async def test_known_keys_are_not_kept_for_ever(server: JwksServer) -> None:
    async with watching(server.url, refresh=0.1, keep=0.6) as address:
        await becomes(lambda: names(address.keys) == ["2026-03"])
        server.status = 500
        last = time.monotonic()
        await becomes(lambda: address.keys == ())
        assert time.monotonic() - last > 0.4
        server.status = 200
        await becomes(lambda: names(address.keys) == ["2026-03"])


@pytest.mark.anyio
async def test_an_address_that_is_down_at_the_start_is_asked_until_it_is_there() -> None:
    (port,) = free_ports(1)
    async with watching(f"http://127.0.0.1:{port}/jwks.json", refresh=0.1) as address:
        await asyncio.sleep(0.3)
        assert address.keys == ()
        with jwks_server(OLD.jwk(), port=port):
            await becomes(lambda: names(address.keys) == ["2026-03"])
        await asyncio.sleep(0.3)
        assert names(address.keys) == ["2026-03"], "it is down again, but was there a moment ago"


@pytest.mark.anyio
async def test_a_key_of_the_file_serves_any_name_and_one_of_the_address_its_own(
    server: JwksServer, tmp_path: Path
) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(RSA.pem)
    settings = Settings(_env_file=None, token_public_key_file=file, token_jwks_url=server.url)  # type: ignore[call-arg,arg-type]
    keys = TokenKeys(settings)
    async with keys.kept_fresh():
        await becomes(lambda: keys.known)
        assert names(await keys.named("2026-03")) == ["2026-03", None]
        assert names(await keys.named("another")) == names(await keys.named(None)) == [None]


@pytest.mark.anyio
async def test_nothing_runs_on_once_the_app_has_ended(server: JwksServer) -> None:
    server.open.clear()
    before = asyncio.all_tasks()
    keys = TokenKeys(Settings(_env_file=None, token_jwks_url=server.url))  # type: ignore[call-arg,arg-type]
    async with keys.kept_fresh():
        await becomes(lambda: server.asked == 1)
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before
