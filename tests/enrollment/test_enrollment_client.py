"""The HTTP adapter against the running reference service: the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from backend_contract import BackendContract, Messages, Move
from pydantic import SecretStr
from running_reference import KEY

from core.errors import SettingsError
from enrollment.backend import EnrollmentBackend
from enrollment.client import HttpEnrollmentBackend
from enrollment.errors import RefusedError
from enrollment.exchange import Wire


class TestHttpEnrollmentBackend(BackendContract):
    @pytest.fixture
    async def backend(self, shared_url: str) -> AsyncIterator[EnrollmentBackend]:
        backend = HttpEnrollmentBackend(shared_url, KEY, 5.0, Wire(read_timeout=5.0))
        yield backend
        await backend.aclose()

    @pytest.fixture
    def move(self, shared_url: str) -> Iterator[Move]:
        def step(application: str, to: str) -> None:
            assert caller.post(f"/v1/applications/{application}/steps", json={"to": to}).status_code == 200

        headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
        with httpx.Client(base_url=shared_url, headers=headers, trust_env=False) as caller:
            yield step

    @pytest.fixture
    def messages(self, shared_url: str) -> Iterator[Messages]:
        def sent() -> list[tuple[str, str]]:
            return [(one["phone"], one["text"]) for one in caller.get("/v1/text-messages").json()["messages"]]

        headers = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
        with httpx.Client(base_url=shared_url, headers=headers, trust_env=False) as caller:
            yield sent


@pytest.mark.anyio
@pytest.mark.parametrize("key", ["", "wrong"])
async def test_a_wrong_or_missing_key_is_refused_by_name(shared_url: str, key: str) -> None:
    backend = HttpEnrollmentBackend(shared_url, SecretStr(key), 5.0)
    with pytest.raises(RefusedError, match="HELPDESK_ENROLLMENT_KEY"):
        await backend.applications_of("cq-zhang", "chongqing")
    await backend.aclose()


@pytest.mark.parametrize("address", ["", "localhost:8100", "ftp://backend", "http://", "http://x:port"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(SettingsError, match="HELPDESK_ENROLLMENT_URL"):
        HttpEnrollmentBackend(address, KEY, 1.0)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "钥匙"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError, match="HELPDESK_ENROLLMENT_KEY") as caught:
        HttpEnrollmentBackend("http://127.0.0.1:1", SecretStr(key), 1.0)
    assert key not in str(caught.value)
