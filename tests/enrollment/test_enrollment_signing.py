"""Signed requests: known answers, every part bound, every fault named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.errors import SettingsError
from core.settings import Settings, read_settings
from enrollment.errors import ForgedError, SignatureError, StaleError, UnknownKeyError, UnsignedError
from enrollment.signing import ALGORITHMS, Signer, digest, mac, request_signer, webhook_signer

KEY = "a-key-of-24-characters-x"
NOW = datetime.fromtimestamp(1776672000, UTC)
NONCE = "A" * 24
QUERY = ("POST", "/v1/applications/query?a=1&b=%E4%B8%AD", b'{"guardian":"cq-zhang","city":"chongqing"}')
CHANGES = ("GET", "/v1/changes?after=7", b"")

# GB/T 32905-2016, appendix A; FIPS 180-4, examples.
DIGESTS = [
    ("hmac-sm3", b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    ("hmac-sm3", b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ("hmac-sha256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
]
ALPHABET = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" * 2
LONG = b"Test Using Larger Than Block-Size Key - Hash Key First"
# GM/T 0042-2015, appendix D.3; RFC 4231, cases 1 and 6.
CODES = [
    ("hmac-sm3", bytes(range(1, 33)), ALPHABET, "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a"),
    ("hmac-sm3", bytes(range(1, 38)), b"\xcd" * 50, "220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae"),
    ("hmac-sha256", b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("hmac-sha256", b"\xaa" * 131, LONG, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
]
# Computed with another implementation: `openssl dgst -sm3 -mac HMAC -macopt key:…` over the five lines.
SIGNATURES = [
    ("hmac-sha256", QUERY, "ce78e28674e40d6cca6723b3230bb95bc9062a6f087740661c83b394bd207f7d"),
    ("hmac-sha256", CHANGES, "8ff1cf3ddd08cedf1588a5e7809143c3226721c985efc5f388fc931a490f6dc4"),
    ("hmac-sm3", QUERY, "9c310fca7e0d29eab0d391fe09395b9b2f1381aebca1431de4a859e661ef4973"),
    ("hmac-sm3", CHANGES, "30c64fc4aa8fe3fb5e250878ebb0130a5561c4b31616f1073ee567c8ec824ee1"),
]


def signer(algorithm: str = "hmac-sm3", key: str = KEY, key_id: str = "helpdesk") -> Signer:
    return Signer(algorithm, SecretStr(key), key_id)


def signed(by: Signer | None = None) -> dict[str, str]:
    return (by or signer()).headers(*QUERY, now=NOW, nonce=NONCE)


@pytest.mark.parametrize(("algorithm", "message", "expected"), DIGESTS)
def test_digests_are_those_of_the_standards(algorithm: str, message: bytes, expected: str) -> None:
    assert digest(algorithm, message).hex() == expected


@pytest.mark.parametrize(("algorithm", "key", "message", "expected"), CODES)
def test_codes_are_those_of_the_standards(algorithm: str, key: bytes, message: bytes, expected: str) -> None:
    assert mac(algorithm, key, message).hex() == expected


@pytest.mark.parametrize(("algorithm", "request_parts", "expected"), SIGNATURES)
def test_a_whole_signature_is_what_another_implementation_makes_of_it(
    algorithm: str, request_parts: tuple[str, str, bytes], expected: str
) -> None:
    assert signer(algorithm).headers(*request_parts, now=NOW, nonce=NONCE) == {
        "X-Helpdesk-Key": "helpdesk",
        "X-Helpdesk-Timestamp": "1776672000",
        "X-Helpdesk-Nonce": NONCE,
        "X-Helpdesk-Signature": expected,
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_signed_is_accepted_and_gives_its_nonce(algorithm: str) -> None:
    both = signer(algorithm)
    headers = both.headers(*QUERY)
    now = datetime.now(UTC)
    assert both.check(*QUERY, headers, now) == headers["X-Helpdesk-Nonce"]
    assert both.check(*QUERY, {name.lower(): value for name, value in headers.items()}, now)


def test_no_two_requests_have_the_same_nonce() -> None:
    assert len({signer().headers(*QUERY)["X-Helpdesk-Nonce"] for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "changed",
    [
        ("PUT", *QUERY[1:]),
        (QUERY[0], "/v1/applications/query?a=1", QUERY[2]),
        (QUERY[0], "/v1/applications/query?b=%E4%B8%AD&a=1", QUERY[2]),
        (QUERY[0], "/v1/applications/query?a=1&b=%e4%b8%ad", QUERY[2]),
        (QUERY[0], QUERY[1] + "\n1776672000", QUERY[2]),
        (*QUERY[:2], QUERY[2].replace(b"zhang", b"liu")),
        (*QUERY[:2], b""),
    ],
)
def test_a_changed_request_is_found_out(changed: tuple[str, str, bytes]) -> None:
    with pytest.raises(ForgedError):
        signer().check(*changed, signed(), NOW)


@pytest.mark.parametrize(
    ("header", "value"),
    [("Timestamp", "1776672001"), ("Nonce", "B" * 24), ("Signature", "0" * 64), ("Signature", "f" * 64)],
)
def test_a_changed_header_is_found_out(header: str, value: str) -> None:
    with pytest.raises(ForgedError):
        signer().check(*QUERY, signed() | {f"X-Helpdesk-{header}": value}, NOW)


@pytest.mark.parametrize("place", range(0, 64, 7))
def test_one_changed_digit_of_the_signature_is_found_out(place: int) -> None:
    headers = signed()
    good = headers["X-Helpdesk-Signature"]
    headers["X-Helpdesk-Signature"] = good[:place] + ("0" if good[place] != "0" else "1") + good[place + 1 :]
    with pytest.raises(ForgedError):
        signer().check(*QUERY, headers, NOW)


@pytest.mark.parametrize("other", [signer(key=KEY + "x"), signer("hmac-sha256")])
def test_another_key_or_algorithm_is_found_out(other: Signer) -> None:
    with pytest.raises(ForgedError):
        other.check(*QUERY, signed(), NOW)


def test_another_keys_id_is_named() -> None:
    with pytest.raises(UnknownKeyError):
        signer(key_id="another").check(*QUERY, signed(), NOW)


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_clock_may_be_five_minutes_off(seconds: int) -> None:
    assert signer().check(*QUERY, signed(), NOW + timedelta(seconds=seconds)) == NONCE


@pytest.mark.parametrize("seconds", [-86400, -301, 301, 3600])
def test_an_old_or_future_request_is_refused(seconds: int) -> None:
    with pytest.raises(StaleError, match="clocks"):
        signer().check(*QUERY, signed(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("header", ["Key", "Timestamp", "Nonce", "Signature"])
@pytest.mark.parametrize("value", [None, "", " ", "\x00", "中文", "a" * 65, "1776672000\n"])
def test_a_header_that_is_missing_or_not_of_its_form_is_named(header: str, value: str | None) -> None:
    headers = signed()
    if value is None:
        del headers[f"X-Helpdesk-{header}"]
    else:
        headers[f"X-Helpdesk-{header}"] = value
    with pytest.raises(UnsignedError, match=f"X-Helpdesk-{header}"):
        signer().check(*QUERY, headers, NOW)


@pytest.mark.parametrize(
    ("header", "value"),
    [("Timestamp", "-1"), ("Timestamp", "1e9"), ("Timestamp", "١٧٧٦"), ("Nonce", "short"), ("Signature", "F" * 64)],
)
def test_forms_are_strict(header: str, value: str) -> None:
    with pytest.raises(UnsignedError):
        signer().check(*QUERY, signed() | {f"X-Helpdesk-{header}": value}, NOW)


def test_no_error_and_no_repr_shows_a_key_or_a_part_of_the_request() -> None:
    told = [repr(signer())]
    for headers in (signed() | {"X-Helpdesk-Signature": "0" * 64}, {}):
        with pytest.raises(SignatureError) as caught:
            signer().check(*QUERY, headers, NOW)
        told.append(repr(caught.value))
    assert not [text for text in told for secret in (KEY, "cq-zhang", NONCE) if secret in text]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("hmac-md5", KEY, "x"), "no such algorithm"),
        (("hmac-sm3", "too short", "x"), "at least 16"),
        (("hmac-sm3", "", "x"), "at least 16"),
        (("hmac-sm3", KEY, ""), "visible ASCII"),
        (("hmac-sm3", KEY, "two words"), "visible ASCII"),
    ],
)
def test_a_signer_that_could_not_sign_is_not_made(parts: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        signer(*parts)
    assert KEY not in str(caught.value)


class TestSettings:
    @pytest.fixture
    def current(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        for name in Settings.model_fields:
            monkeypatch.delenv(f"HELPDESK_{name.upper()}", raising=False)
        return lambda **values: read_settings(tmp_path / "none").model_copy(update=values)

    def test_nothing_is_signed_unless_told(self, current: Any) -> None:
        assert request_signer(current()) is None
        assert webhook_signer(current()) is None

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_the_settings_make_the_signers(self, current: Any, algorithm: str) -> None:
        key = SecretStr(KEY)
        made = current(
            enrollment_signing=algorithm,
            enrollment_signing_key=key,
            enrollment_webhook_signing=algorithm,
            enrollment_webhook_key=key,
        )
        assert request_signer(made) == Signer(algorithm, key, "helpdesk")
        assert webhook_signer(made) == Signer(algorithm, key, "backend")

    @pytest.mark.parametrize("key", ["", "too-short"])
    def test_a_key_that_is_missing_or_short_is_named_and_not_shown(self, current: Any, key: str) -> None:
        with pytest.raises(SettingsError, match="HELPDESK_ENROLLMENT_SIGNING_KEY") as caught:
            request_signer(current(enrollment_signing="hmac-sm3", enrollment_signing_key=SecretStr(key)))
        assert "too-short" not in str(caught.value)

    def test_a_webhook_key_that_is_short_is_named(self, current: Any) -> None:
        with pytest.raises(SettingsError, match="HELPDESK_ENROLLMENT_WEBHOOK_KEY"):
            webhook_signer(current(enrollment_webhook_key=SecretStr("too-short")))
