"""What is counted, and who may read it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from desk_running import Service
from fastapi import FastAPI
from fastapi.testclient import TestClient
from parent_client import Parent
from prometheus_client.parser import text_string_to_metric_families

from channels.metrics import Metrics, make_router
from core.errors import TokenRefusal
from core.outcomes import Outcome
from core.settings import Settings
from escalation.notifications import Notified
from staff.accounts import SignIn

APlace = Callable[..., Parent]


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return each count by its label's name and value."""
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples]
    return {(name, value): sample.value for sample in found for name, value in sample.labels.items()}


def read(service: Service, **headers: str) -> httpx.Response:
    return httpx.get(f"{service.base}/metrics", headers=headers, trust_env=False)


def calling_from(address: str, networks: str) -> int:
    """Return the status that a caller with that peer address gets."""
    settings = Settings(_env_file=None, metrics_networks=networks)  # type: ignore[call-arg]
    app = FastAPI()
    app.include_router(make_router(settings, Metrics()))
    return TestClient(app, client=(address, 5000)).get("/metrics").status_code


def test_every_reason_and_outcome_stands_at_nought_from_the_start() -> None:
    expected = {("reason", reason.value): 0.0 for reason in TokenRefusal}
    expected |= {("outcome", outcome.value): 0.0 for outcome in [*Outcome, *SignIn, *Notified]}
    assert samples(Metrics().text().decode()) == expected


@pytest.mark.system
def test_turns_and_refusals_are_counted_by_closed_lists_and_by_nothing_else(service: Service, a_parent: APlace) -> None:
    before = samples(read(service).text)
    parent = a_parent(city="chongqing")
    for text in ("刷脸查不到孩子", "刷脸查不到孩子", "？"):
        parent.say(text)
    assert parent.sign_in("no.token.atall").status_code == 401
    response = read(service)
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "helpdesk_turns_total{" in response.text
    assert "helpdesk_token_refusals_total{" in response.text
    after = samples(response.text)
    assert set(after) == set(before)
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        ("outcome", "answered"): 2,
        ("outcome", "refused_empty"): 1,
        ("reason", "malformed"): 1,
    }


@pytest.mark.system
def test_metrics_are_there_for_this_machines_direct_calls_only(service: Service) -> None:
    assert read(service).status_code == 200
    unknown = httpx.get(f"{service.base}/no-such-page", trust_env=False)
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"), trust_env=False) as elsewhere:
        refused = [elsewhere.get(f"{service.base}/metrics")]
        refused += [elsewhere.get(f"{service.base}/metrics", headers={"X-Forwarded-For": "127.0.0.1"})]
    for name, value in (
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-For", ""),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
    ):
        refused.append(read(service, **{name: value}))
    for response in refused:
        assert (response.status_code, response.json()) == (404, unknown.json())
    assert "/metrics" not in httpx.get(f"{service.base}/openapi.json", trust_env=False).json()["paths"]


@pytest.mark.parametrize(
    ("address", "networks", "status"),
    [
        ("10.1.2.3", "10.1.0.0/16", 200),
        ("10.1.2.3", "192.0.2.0/24, 10.1.0.0/16", 200),
        ("10.2.0.1", "10.1.0.0/16", 404),
        ("127.0.0.1", "10.1.0.0/16", 404),
        ("127.0.0.1", "", 404),
        ("::1", "::1/128", 200),
        ("testclient", "0.0.0.0/0,::/0", 404),
    ],
)
def test_the_networks_of_the_setting_are_those_that_may_read(address: str, networks: str, status: int) -> None:
    assert calling_from(address, networks) == status


@pytest.mark.system
def test_the_service_tells_whether_the_keys_of_tokens_are_known(service: Service) -> None:
    ready = httpx.get(f"{service.base}/readyz", trust_env=False).json()
    assert ready["parts"]["identity"] is True
    assert set(ready["parts"]) == {"database", "retrieval", "rasa", "enrollment", "identity"}
