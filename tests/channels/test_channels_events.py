"""Server-sent events: what is said elsewhere appears here, and a broken line goes on where it broke."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from parent_client import Parent

pytestmark = pytest.mark.system
APlace = Callable[..., Parent]


@dataclass
class Event:
    """One event, or a comment."""

    event: str = ""
    id: str = ""
    data: list[str] = field(default_factory=list)
    comment: str = ""

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads("\n".join(self.data))
        return content


@contextmanager
def listening(parent: Parent, last: str | bytes | None = None, patience: float = 10) -> Iterator[Iterator[Event]]:
    """Follow the conversation by a line of its own."""
    headers: list[tuple[bytes, bytes]] = [(b"Authorization", f"Bearer {parent.secret}".encode())]
    if last is not None:
        headers.append((b"Last-Event-ID", last if isinstance(last, bytes) else last.encode()))
    timeout = httpx.Timeout(10, read=patience)
    with (
        httpx.Client(base_url=str(parent.http.base_url), timeout=timeout, trust_env=False) as http,
        http.stream("GET", f"{parent.address}/events", headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response)


def _events(response: httpx.Response) -> Iterator[Event]:
    event = Event()
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            yield Event(comment=line)
        elif not line:
            yield event
            event = Event()
        elif name == "data":
            event.data.append(value)
        elif name in ("event", "id"):
            setattr(event, name, value)


def next_of(events: Iterator[Event], kind: str) -> Event:
    return next(event for event in events if event.event == kind)


def test_each_thing_said_is_an_event_with_its_number(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    with listening(parent) as events:
        assert next_of(events, "state").content["owner"] == "bot"
        turn = parent.say("刷脸查不到孩子")
        said = [next_of(events, "message") for _ in range(1 + len(turn.raw["messages"]))]
    assert [int(event.id) for event in said] == [event.content["seq"] for event in said]
    assert [event.content for event in said] == parent.transcript(parent.opening["last_seq"])["messages"]


def test_a_broken_line_goes_on_after_the_last_event_that_came(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    parent.say("刷脸查不到孩子")
    missed = parent.transcript(parent.opening["last_seq"])["messages"]
    with listening(parent, last=str(parent.opening["last_seq"])) as events:
        heard = [next_of(events, "message").content for _ in missed]
    assert heard == missed


def test_without_a_last_event_only_what_comes_is_told(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    parent.say("刷脸查不到孩子")
    with listening(parent) as events:
        assert next_of(events, "state")
        turn = parent.say("谢谢")
        assert next_of(events, "message").content["turn"] == turn.raw["turn"]


def test_a_city_told_in_one_window_is_told_to_the_other(a_parent: APlace) -> None:
    parent = a_parent()
    with listening(parent) as events:
        assert next_of(events, "state").content["city"] is None
        parent.say("我在青岛")
        assert next_of(events, "state").content["city"] == "qingdao"


@pytest.mark.parametrize("last", ["", "x", "-1", "99999999999999999999999", b"\xb2"])
def test_a_last_event_that_cannot_be_is_no_server_error(a_parent: APlace, last: str | bytes) -> None:
    parent = a_parent(city="chongqing")
    with listening(parent, last=last) as events:
        assert next_of(events, "state")


def test_a_silent_line_is_kept_alive_by_comments(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")
    with listening(parent, patience=20) as events:
        assert next(event for event in events if event.comment).comment.startswith(":")


def test_somebody_who_listens_and_leaves_disturbs_nobody(a_parent: APlace) -> None:
    parent = a_parent(city="chongqing")

    def listen_and_leave() -> None:
        with listening(parent) as events:
            next_of(events, "state")

    threads = [threading.Thread(target=listen_and_leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert parent.say("刷脸查不到孩子").entries == ["cq-10"]
