"""How much one address and one conversation may ask for; and an app that restarts forgets nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from desk_running import Service, running_app
from fastapi import Request
from parent_client import API, Parent

from channels.limits import Limits
from core.errors import TooManyRequestsError
from core.settings import Settings


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with small limits from which nobody is exempt."""
    limits = {
        "HELPDESK_LIMIT_EXEMPT": "",
        "HELPDESK_LIMIT_PER_ADDRESS": "8/minute",
        "HELPDESK_LIMIT_PER_CONVERSATION": "3/minute",
    }
    with running_app(tmp_path_factory.mktemp("strict"), **limits) as service:
        yield service


def refused(response: httpx.Response) -> bool:
    if response.status_code != 429:
        return False
    error = response.json()["error"]
    assert error["code"] == "too_many_requests"
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.headers["retry-after"] in error["message"]
    return True


@pytest.mark.system
def test_a_conversation_that_sends_too_much_is_told_when_to_go_on(strict: Service) -> None:
    with httpx.Client(base_url=strict.base, headers={"X-Forwarded-For": "203.0.113.1"}, trust_env=False) as http:
        opened = http.post(API, json={"city": "chongqing"}).json()
        address, headers = f"{API}/{opened['conversation_id']}", {"Authorization": f"Bearer {opened['secret']}"}
        sent = [http.post(f"{address}/messages", json={"text": "你好"}, headers=headers) for _ in range(4)]
        assert [refused(response) for response in sent] == [False, False, False, True]
        read = http.get(f"{address}/messages", headers=headers)
        assert read.status_code == 200
        assert len([one for one in read.json()["messages"] if one["author"] == "parent"]) == 3


@pytest.mark.system
def test_an_address_is_limited_as_the_proxy_names_it_and_no_other_pays_for_it(strict: Service) -> None:
    with httpx.Client(base_url=strict.base, trust_env=False) as http:

        def opens(address: str) -> bool:
            return not refused(http.post(API, json={}, headers={"X-Forwarded-For": address}))

        assert [opens("203.0.113.2") for _ in range(9)] == [True] * 8 + [False]
        assert opens("203.0.113.3")
        assert not opens("203.0.113.2")
        assert not opens("198.51.100.9, 203.0.113.2"), "a made-up hop before the real client must not help"
        assert not opens("203.0.113.2, 127.0.0.1"), "our own proxies are not the client"


@pytest.mark.system
def test_a_restarted_app_resumes_every_conversation(tmp_path: Path) -> None:
    with running_app(tmp_path) as before, closing(Parent(before.base)) as parent:
        asked = parent.say("自动填的地址不对")
        assert asked.asks("city")
        said = parent.transcript()["messages"]
        kept, secret = parent.address, parent.secret
    with running_app(tmp_path) as after:
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=after.base, headers=headers, timeout=30, trust_env=False) as http:
            assert http.get(f"{kept}/messages").json()["messages"] == said
            turn = http.post(f"{kept}/messages", json={"payload": asked.payload("青岛")}).json()
            assert turn["turn"] == 2
            assert [m["entry"]["id"] for m in turn["messages"] if m["type"] == "answer"] == ["qd-b05"]


def called(peer: str, forwarded: str | None = None) -> Request:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    return Request({"type": "http", "client": (peer, 1), "headers": headers})


def allowed(limits: Limits, request: Request) -> bool:
    try:
        limits.check(request)
    except TooManyRequestsError:
        return False
    return True


def small(**changes: str) -> Limits:
    return Limits(Settings(_env_file=None, limit_per_address="2/minute", **changes))  # type: ignore[arg-type]


def test_calls_of_this_machine_are_exempt_only_when_direct() -> None:
    limits = small()
    assert all(allowed(limits, called("127.0.0.1")) for _ in range(5))
    assert [allowed(limits, called("127.0.0.1", "203.0.113.5")) for _ in range(3)] == [True, True, False]


def test_a_stranger_cannot_choose_an_address_by_a_header() -> None:
    limits = small()
    tries = [allowed(limits, called("203.0.113.7", f"198.51.100.{number}")) for number in range(3)]
    assert tries == [True, True, False]


def test_a_stranger_cannot_pass_for_this_machine() -> None:
    limits = small()
    tries = [allowed(limits, called("203.0.113.7", "127.0.0.1")) for _ in range(3)]
    assert tries == [True, True, False]


@pytest.mark.parametrize("forwarded", ["", "unknown", ",,,", "not an address", "::ffff:203.0.113.9"])
def test_a_broken_header_is_counted_like_any_address(forwarded: str) -> None:
    limits = small()
    assert [allowed(limits, called("127.0.0.1", forwarded)) for _ in range(3)] == [True, True, False]
