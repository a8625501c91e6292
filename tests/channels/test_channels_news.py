"""News of applications in the open chats: one family's fault is nobody else's, and what was promised is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from uuid import uuid4

import pytest
from backend_made import Backend, application
from desk_made import made_desk
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from bot.actions.desk import Desk
from bot.actions.words import Words
from channels import news
from channels.news import NewsDesk
from conversations.news import AnnouncedChange, KeptNews
from conversations.storage import Identity
from conversations.tables import AnnouncementRow, AuditRow, CaseWaitRow, ChangeRow, ConversationRow, KeptNewsRow
from core import clock
from core.scope import Scope
from enrollment.backend import EnrollmentBackend
from enrollment.errors import EnrollmentError, MalformedError, OpenCircuitError, ThrottledError, UnavailableError
from enrollment.signing import Signer

NEWS, BACK = Words().say("case_news"), Words().say("case_back")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("news")) as desk:
        yield desk


@pytest.fixture
def desk(made: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Give a desk with quick rounds and a backend of the test's, without what other tests left."""
    with made.store.engine.begin() as connection:
        for rows in (ChangeRow, CaseWaitRow, KeptNewsRow, AnnouncementRow):
            connection.execute(delete(rows))
        connection.execute(update(ConversationRow).values(guardian=None))
    for name, seconds in {"ROUND": 0.02, "FIRST_PAUSE": 0.04, "LONGEST_PAUSE": 0.3}.items():
        monkeypatch.setattr(news, name, seconds)
    made.seen_lately.clear()
    return replace(made, backend=cast("EnrollmentBackend", Backend()))


def backend_of(desk: Desk) -> Backend:
    return cast("Backend", desk.backend)


def opened(desk: Desk, guardian: str) -> str:
    identity = Identity(guardian, "qingdao", str(uuid4()), clock.now() + HOUR)
    return desk.store.create(Scope(), [], identity)[0].id


def sign_out(desk: Desk, conversation: str) -> None:
    with desk.store.engine.begin() as connection:
        mine = update(ConversationRow).where(ConversationRow.id == conversation)
        connection.execute(mine.values(signed_in_until=clock.now() - HOUR))


def announced(desk: Desk, number: int, guardian: str, state: str = "初审", at: datetime | None = None) -> None:
    change = AnnouncedChange(number, guardian, "qingdao", f"A-{guardian}", state, at or clock.now() - HOUR / 60)
    assert desk.news.receive(change, clock.now())


def told(desk: Desk, conversation: str) -> list[str]:
    """Return the words above the cards, and the cards' states."""
    said = [one.message.model_dump(mode="json") for one in desk.store.said_after(conversation, 0)]
    return [one["application"]["state"] if one["type"] == "case" else one["text"] for one in said]


def rounds(desk: Desk, until: Callable[[], bool] | None = None, seconds: float = 0.5) -> None:
    """Let the task run until a condition holds, or for a while."""

    async def run() -> None:
        task = asyncio.create_task(NewsDesk(desk, None, 0).run())
        with suppress(TimeoutError):
            async with asyncio.timeout(5 if until else seconds):
                while not (until and until()):
                    await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert until is None or until()


def looks(desk: Desk) -> int:
    with desk.store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(AuditRow)).scalar_one()


@pytest.mark.parametrize("fault", [UnavailableError("failed with 500"), MalformedError("not JSON")])
class TestOneFamilysFault:
    """The first in the row can't be looked up; the others are told all the same."""

    def test_keeps_no_other_familys_change_back(self, desk: Desk, fault: EnrollmentError) -> None:
        talks = {guardian: opened(desk, guardian) for guardian in ("g-bad", "g-1", "g-2")}
        backend_of(desk).says["g-bad"] = fault
        for number, guardian in enumerate(talks, start=1):
            announced(desk, number, guardian)
        rounds(desk, lambda: all(told(desk, talks[one]) == [NEWS, "初审"] for one in ("g-1", "g-2")))
        rounds(desk)
        assert backend_of(desk).asked.count("g-1") == 1
        del backend_of(desk).says["g-bad"]
        rounds(desk, lambda: told(desk, talks["g-bad"]) == [NEWS, "初审"])

    def test_keeps_nobody_else_waiting(self, desk: Desk, fault: EnrollmentError) -> None:
        bad, good = opened(desk, "g-bad"), opened(desk, "g-1")
        backend_of(desk).says["g-bad"] = fault
        desk.news.wait_for_backend(bad, clock.now() - HOUR)
        desk.news.wait_for_backend(good, clock.now())
        rounds(desk, lambda: told(desk, good) == [BACK, "初审"])
        del backend_of(desk).says["g-bad"]
        rounds(desk, lambda: told(desk, bad) == [BACK, "初审"])
        assert desk.news.waiting() == []

    def test_keeps_no_kept_news_back_and_is_not_the_end_of_its_own(self, desk: Desk, fault: EnrollmentError) -> None:
        bad, good = opened(desk, "g-bad"), opened(desk, "g-1")
        backend_of(desk).says["g-bad"] = fault
        desk.news.keep(KeptNews(bad, "A-g-bad", "change:1"), clock.now() - HOUR)
        desk.news.keep(KeptNews(good, "A-g-1", "change:2"), clock.now())
        rounds(desk, lambda: told(desk, good) == [NEWS, "初审"])
        del backend_of(desk).says["g-bad"]
        rounds(desk, lambda: told(desk, bad) == [NEWS, "初审"])
        assert desk.news.kept() == []

    def test_is_tried_again_ever_later_and_leaves_no_row_in_the_audit_log(
        self, desk: Desk, fault: EnrollmentError
    ) -> None:
        opened(desk, "g-bad")
        backend_of(desk).says["g-bad"] = fault
        announced(desk, 1, "g-bad")
        before = looks(desk)
        rounds(desk, seconds=1.2)
        assert 2 <= len(backend_of(desk).asked) <= 7  # after 0, 0.04, 0.12, 0.28, 0.58, 0.88, 1.18 s; not in 60 rounds
        assert looks(desk) == before


def test_an_open_circuit_is_asked_once_in_a_round(desk: Desk) -> None:
    for number in range(1, 6):
        opened(desk, f"g-{number}")
        backend_of(desk).says[f"g-{number}"] = OpenCircuitError("not asked")
        announced(desk, number, f"g-{number}")
    rounds(desk)
    assert set(backend_of(desk).asked) == {"g-1"}


def test_a_backend_that_asks_for_fewer_calls_is_left_in_peace_as_long_as_it_says(desk: Desk) -> None:
    for number in range(1, 21):
        opened(desk, f"g-{number}")
        backend_of(desk).says[f"g-{number}"] = ThrottledError("429", retry_after=1.0)
        announced(desk, number, f"g-{number}")
    before = looks(desk)
    rounds(desk)
    assert len(backend_of(desk).asked) == 1
    assert looks(desk) == before


def test_while_the_backend_is_not_well_no_change_is_looked_up(desk: Desk) -> None:
    talk = opened(desk, "g-1")
    announced(desk, 1, "g-1")
    backend_of(desk).well = False
    rounds(desk)
    assert backend_of(desk).asked == []
    backend_of(desk).well = True
    rounds(desk, lambda: told(desk, talk) == [NEWS, "初审"])


def test_a_change_that_nobody_has_a_chat_open_for_is_closed_without_a_look(desk: Desk) -> None:
    announced(desk, 1, "g-away")
    backend_of(desk).well = False
    rounds(desk, lambda: desk.news.untold() == [])
    assert backend_of(desk).asked == []


def test_a_promise_outlasts_the_sign_in_and_is_kept_at_the_next(desk: Desk) -> None:
    talk = opened(desk, "g-1")
    desk.news.wait_for_backend(talk, clock.now() - 48 * HOUR)
    sign_out(desk, talk)
    rounds(desk)
    assert told(desk, talk) == []
    desk.store.sign_in(talk, "g-1", "qingdao", str(uuid4()), clock.now() + HOUR)
    rounds(desk, lambda: told(desk, talk) == [BACK, "初审"])
    rounds(desk)
    assert told(desk, talk) == [BACK, "初审"]
    assert (desk.news.waiting(), desk.news.kept()) == ([], [])


def test_a_promise_is_kept_however_long_the_backend_was_silent(desk: Desk) -> None:
    talk = opened(desk, "g-1")
    desk.news.wait_for_backend(talk, clock.now() - 48 * HOUR)
    rounds(desk, lambda: told(desk, talk) == [BACK, "初审"])


def test_a_change_while_its_guardian_is_signed_out_is_told_at_the_next_sign_in(desk: Desk) -> None:
    talk = opened(desk, "g-1")
    sign_out(desk, talk)
    announced(desk, 1, "g-1")
    rounds(desk, lambda: desk.news.untold() == [])
    assert (told(desk, talk), backend_of(desk).asked) == ([], [])
    desk.store.sign_in(talk, "g-1", "qingdao", str(uuid4()), clock.now() + HOUR)
    rounds(desk, lambda: told(desk, talk) == [NEWS, "初审"])


class TestLookUpBehind:
    """The change is announced before a look-up shows it."""

    def test_what_was_before_is_not_told_as_news_and_what_is_new_is(self, desk: Desk) -> None:
        talk, now = opened(desk, "g-1"), clock.now()
        backend_of(desk).says["g-1"] = [application("g-1", state="初审", since=now - HOUR)]
        announced(desk, 1, "g-1", "审核通过", now)
        rounds(desk, lambda: len(backend_of(desk).asked) > 1)
        assert told(desk, talk) == []
        assert ("g-1", "qingdao") not in desk.seen_lately
        backend_of(desk).says["g-1"] = [application("g-1", state="审核通过", since=now)]
        rounds(desk, lambda: told(desk, talk) == [NEWS, "审核通过"])
        assert desk.news.untold() == []

    def test_the_same_state_from_days_ago_is_not_told_as_news(self, desk: Desk) -> None:
        talk, now = opened(desk, "g-1"), clock.now()
        backend_of(desk).says["g-1"] = [application("g-1", state="待补充", since=now - 72 * HOUR)]
        announced(desk, 1, "g-1", "待补充", now)
        rounds(desk, lambda: len(backend_of(desk).asked) > 1)
        assert told(desk, talk) == []

    def test_an_application_that_is_not_there_yet_is_told_when_it_is(self, desk: Desk) -> None:
        talk = opened(desk, "g-1")
        backend_of(desk).says["g-1"] = []
        announced(desk, 1, "g-1")
        rounds(desk, lambda: len(backend_of(desk).asked) > 1)
        assert told(desk, talk) == []
        del backend_of(desk).says["g-1"]
        rounds(desk, lambda: told(desk, talk) == [NEWS, "初审"])

    @pytest.mark.parametrize(
        ("state", "since"),
        [("审核通过", -timedelta(hours=9)), ("审核通过", timedelta()), ("已录取", timedelta(seconds=1))],
    )
    def test_a_step_whose_day_alone_is_told_and_a_later_step_are_news(
        self, desk: Desk, state: str, since: timedelta
    ) -> None:
        talk, now = opened(desk, "g-1"), clock.now()
        backend_of(desk).says["g-1"] = [application("g-1", state=state, since=now + since)]
        announced(desk, 1, "g-1", "审核通过", now)
        rounds(desk, lambda: told(desk, talk) == [NEWS, state])


def test_what_was_seen_before_a_change_is_forgotten(desk: Desk) -> None:
    seen = (application("g-1"),)
    for guardian in ("g-1", "g-2"):
        desk.seen_lately[guardian, "qingdao"] = seen
    signer = Signer("hmac-sha256", SecretStr("0123456789abcdef"), "k-1")
    given = {"id": 1, "guardian": "g-1", "city": "qingdao", "application_id": "A-g-1", "state": "待补充"}
    body = json.dumps({**given, "at": clock.now().isoformat()}).encode()
    path = "/api/v1/enrollment/changes"
    asyncio.run(NewsDesk(desk, signer, 0).receive("POST", path, signer.headers("POST", path, body), body))
    assert set(desk.seen_lately) == {("g-2", "qingdao")}
