from __future__ import annotations

import socket

import httpx
import pytest
from answering_server import TinyDesk
from replies_made import question

from evaluation.questions import Question
from evaluation.run import Asker, Manners, ServiceError, ask_all, show_progress


def quiet(done: int, total: int) -> None:
    pass


def test_each_question_has_its_conversation_its_city_and_its_context_first(desk: TinyDesk) -> None:
    asked = [question("一", None, expect=["cq-10"]), question("二", context="之前", expect=["cq-10"]), question("你好")]
    replies = ask_all(asked, desk.url, Manners(at_once=1), quiet)
    assert desk.opened == [{}, {"city": "chongqing"}, {"city": "chongqing"}]
    assert desk.said == [("c1", "一"), ("c2", "之前"), ("c2", "二"), ("c3", "你好")]
    assert [reply.kind for reply in replies] == ["answer", "answer", "small_talk"]
    assert replies[0].first_choice == "cq-10"
    assert replies[0].seconds > 0


def test_replies_keep_the_order_and_at_most_a_few_questions_are_in_flight(desk: TinyDesk) -> None:
    asked = [question("你好" if i % 3 == 0 else str(i)) for i in range(30)]
    done: list[int] = []
    replies = ask_all(asked, desk.url, Manners(at_once=4), lambda count, _: done.append(count))
    assert [reply.kind == "small_talk" for reply in replies] == [i % 3 == 0 for i in range(30)]
    assert done == list(range(1, 31))
    assert 1 < desk.busiest <= 4


def asker(desk: TinyDesk, client: httpx.Client, waited: list[float], **manners: float) -> Asker:
    return Asker(client, Manners(**manners), waited.append)  # type: ignore[arg-type]


def test_a_limit_is_waited_for_as_the_service_says(desk: TinyDesk) -> None:
    desk.limits, waited = 2, []
    with httpx.Client(base_url=desk.url, trust_env=False) as client:
        reply = asker(desk, client, waited).ask(question())
    assert (reply.kind, waited) == ("answer", [7.0, 7.0])


def test_waiting_is_bounded_in_time_and_number(desk: TinyDesk) -> None:
    desk.limits, waited = 99, []
    with httpx.Client(base_url=desk.url, trust_env=False) as client:
        reply = asker(desk, client, waited, tries=3, longest_wait=0.5).ask(question())
    assert (reply.kind, waited) == ("error", [0.5, 0.5])
    assert reply.failure is not None
    assert reply.failure.startswith("HTTP 429")


def test_a_failed_turn_is_an_error_reply_and_the_run_goes_on(desk: TinyDesk) -> None:
    desk.broken = True
    replies = ask_all([question("一"), question("二")], desk.url, progress=quiet)
    assert [(reply.kind, (reply.failure or "")[:8]) for reply in replies] == [("error", "HTTP 500")] * 2


def test_a_service_that_opens_nothing_or_is_not_there_stops_the_run(desk: TinyDesk) -> None:
    desk.closed = True
    with pytest.raises(ServiceError, match="opening a conversation: HTTP 503"):
        ask_all([question()] * 20, desk.url, progress=quiet)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServiceError, match=r"ConnectError .*is the service up"):
        ask_all([question()], nowhere, progress=quiet)


def test_progress_goes_to_standard_error_every_fifty_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    for done in range(1, 61):
        show_progress(done, 60)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "asked 50 of 60\nasked 60 of 60\n")


def test_questions_are_the_same_only_with_city_and_context() -> None:
    keys = {Question(q="好", city=city, expect=(), context=c).key for city in (None, "qingdao") for c in (None, "前")}
    assert len(keys) == 4
