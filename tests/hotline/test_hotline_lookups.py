"""Look-ups in the database: SQLite and PostgreSQL, two at once, and no case number."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, create_engine, insert, make_url, select, text, update

from conversations.migrate import migrate
from conversations.storage import open_engine
from hotline.lookups import LOOKUPS_FILE, Lookups, NoSuchCallError, TooManyCodesError, reasons
from hotline.tables import CallLookupRow, CallRow
from hotline.verification import EndedError, LockedError, NoCodeSentError, TooSoonError, Verification, VerificationError

POSTGRES = os.environ.get("HELPDESK_TEST_POSTGRES_URL", "")
AGENT, OTHER = "demo:agent:", "demo:agent:qingdao"
NOW = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)
LATER = timedelta(seconds=30)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give an engine on a new, migrated database."""
    if request.param == "sqlite":
        opened = open_engine(f"sqlite:///{tmp_path / 'helpdesk.db'}")
        migrate(opened)
        yield opened
        opened.dispose()
        return
    if not POSTGRES:
        pytest.skip("HELPDESK_TEST_POSTGRES_URL is not set: run by scripts/with-postgres.sh")
    schema, admin = f"test_{uuid.uuid4().hex}", create_engine(POSTGRES)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    opened = open_engine(url.render_as_string(hide_password=False))
    migrate(opened)
    yield opened
    opened.dispose()
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


def a_call(engine: Engine, staff: str = AGENT, ended: datetime | None = None) -> str:
    call = str(uuid.uuid4())
    row = {"id": call, "staff": staff, "note": "", "started_at": NOW, "ended_at": ended}
    with engine.begin() as connection:
        connection.execute(insert(CallRow), row)
    return call


@pytest.fixture
def lookups(engine: Engine) -> Lookups:
    return Lookups(engine, 60)


def send(lookups: Lookups, call: str, code: str = "v1", at: datetime = NOW, staff: str = AGENT) -> None:
    lookups.begin_sending(call, staff, "progress", at)
    lookups.sent(call, staff, code, "qingdao", "progress")


def test_what_happens_in_a_call_is_kept(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    assert lookups.begin_sending(call, AGENT, "progress", NOW) is None
    lookups.sent(call, AGENT, "v1", "qingdao", "progress")
    lookups.begin_checking(call, AGENT)
    assert lookups.wrong(call, AGENT).tries_left == 2
    lookups.begin_checking(call, AGENT)
    expected = Verification("qingdao", "progress", "v1", 1, 1, NOW, verified=True)
    assert lookups.right(call, AGENT, "v1") == lookups.state(call, AGENT) == expected


def test_what_got_no_answer_is_given_back(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    before = lookups.begin_sending(call, AGENT, "progress", NOW)
    lookups.not_sent(call, AGENT, before)
    assert lookups.state(call, AGENT) == Verification()
    send(lookups, call)
    before = lookups.begin_sending(call, AGENT, "other", NOW + LATER)
    assert before == NOW
    lookups.not_sent(call, AGENT, before)
    lookups.begin_checking(call, AGENT)
    lookups.not_checked(call, AGENT)
    assert lookups.state(call, AGENT) == Verification("qingdao", "progress", "v1", 1, 0, NOW)


def test_a_refused_step_leaves_no_trace(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    with pytest.raises(NoCodeSentError):
        lookups.begin_checking(call, AGENT)
    send(lookups, call)
    with pytest.raises(TooSoonError):
        lookups.begin_sending(call, AGENT, "progress", NOW)
    assert lookups.state(call, AGENT).codes_sent == 1


@pytest.mark.parametrize("step", ["begin_sending", "begin_checking", "state"])
@pytest.mark.parametrize("whose", ["another's", "nobody's", "a zero character"])
def test_a_call_that_is_not_ones_own_is_not_there(engine: Engine, lookups: Lookups, whose: str, step: str) -> None:
    calls = {"another's": a_call(engine, OTHER), "nobody's": str(uuid.uuid4()), "a zero character": "x\0"}
    more = ("progress", NOW) if step == "begin_sending" else ()
    with pytest.raises(NoSuchCallError):
        getattr(lookups, step)(calls[whose], AGENT, *more)


def test_with_the_call_the_verification_ends(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    send(lookups, call)
    lookups.begin_checking(call, AGENT)
    lookups.right(call, AGENT, "v1")
    with engine.begin() as connection:
        connection.execute(update(CallRow).where(CallRow.id == call).values(ended_at=NOW))
    assert lookups.state(call, AGENT).ended
    with pytest.raises(EndedError):
        lookups.begin_sending(call, AGENT, "progress", NOW + LATER)
    with pytest.raises(EndedError):
        lookups.begin_checking(call, AGENT)


def test_many_checks_at_once_win_no_more_than_three_tries(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    send(lookups, call)
    start = threading.Barrier(8)

    def check(_: int) -> str:
        start.wait()
        try:
            lookups.begin_checking(call, AGENT)
        except LockedError:
            return "refused"
        lookups.wrong(call, AGENT)
        return "tried"

    with ThreadPoolExecutor(8) as threads:
        ended = sorted(threads.map(check, range(8)))
    assert ended == ["refused"] * 5 + ["tried"] * 3
    assert lookups.state(call, AGENT).locked


def test_many_codes_at_once_are_one(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    start = threading.Barrier(8)

    def send_one(_: int) -> str:
        start.wait()
        try:
            lookups.begin_sending(call, AGENT, "progress", NOW)
        except TooSoonError:
            return "too soon"
        return "sent"

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(send_one, range(8))) == ["sent"] + ["too soon"] * 7


def test_over_all_calls_an_agent_has_so_many_codes_sent_within_an_hour(engine: Engine) -> None:
    lookups = Lookups(engine, 4)
    for _ in range(4):
        send(lookups, a_call(engine))
    with pytest.raises(TooManyCodesError):
        lookups.begin_sending(a_call(engine), AGENT, "progress", NOW)
    send(lookups, a_call(engine, OTHER), staff=OTHER)
    send(lookups, a_call(engine), at=NOW + timedelta(hours=1))


def test_what_was_not_sent_counts_towards_no_hour(engine: Engine) -> None:
    lookups = Lookups(engine, 1)
    for _ in range(3):
        call = a_call(engine)
        lookups.not_sent(call, AGENT, lookups.begin_sending(call, AGENT, "progress", NOW))
    send(lookups, a_call(engine))


def test_reasons_are_words_of_the_audit_log_with_labels_in_chinese() -> None:
    assert set(reasons()) >= {"progress", "supplement", "complaint", "other"}
    for key, label in reasons().items():
        assert key.isascii()
        assert key.isidentifier()
        assert all("\u4e00" <= character <= "\u9fff" for character in label)
    assert set(yaml.safe_load(LOOKUPS_FILE.read_text(encoding="utf-8"))) == {"reasons", "say"}


def test_the_table_has_no_place_for_a_case_number(engine: Engine, lookups: Lookups) -> None:
    call = a_call(engine)
    send(lookups, call)
    with engine.connect() as connection:
        row = connection.execute(select(CallLookupRow.__table__)).one()
    assert set(row._fields) == {
        *("call_id", "city", "reason", "verification", "codes_sent", "codes_wrong", "verified", "locked", "at")
    }


def test_every_refusal_of_the_rules_is_a_verification_error() -> None:
    assert issubclass(NoSuchCallError, VerificationError)
    assert issubclass(TooManyCodesError, VerificationError)
