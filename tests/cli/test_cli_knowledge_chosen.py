"""`helpdesk knowledge chosen`: what parents took their questions to, for the editors."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from conversations.migrate import migrate
from conversations.storage import ConversationStore, open_engine
from core import clock
from core.clock import CHINA
from core.scope import Scope
from core.settings import settings

ASKED = "登录不上"
TAKEN = [
    ("2026-06-30T23:59", "chosen", "qd-a05", "前一天的"),
    ("2026-07-01T00:00", "chosen", "qd-a09", ASKED),
    ("2026-07-02T12:00", "chosen", "qd-a09", ASKED),
    ("2026-07-02T13:00", "chosen", "qd-a10", ASKED),
    ("2026-07-02T23:59", "branch:closed", "qd-b08", "交了还能改吗"),
    ("2026-07-02T14:00", "solved", "qd-a10", ASKED),
    ("2026-07-02T15:00", "not_it", "qd-a10", ASKED),
    ("2026-07-03T00:00", "chosen", "qd-a05", "后一天的"),
]


@pytest.fixture(autouse=True)
def chosen_by_parents(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> None:
    engine = open_engine(settings().database)
    migrate(engine)
    store = ConversationStore(engine)
    conversation, _ = store.create(Scope("qingdao"), [])
    turn, _ = store.begin_turn(conversation.id, ASKED)
    for at, verdict, entry, question in TAKEN:
        moment = datetime.fromisoformat(at).replace(tzinfo=CHINA)
        monkeypatch.setattr(clock, "now", lambda moment=moment: moment)
        store.note_feedback(turn, verdict, entry, question)
    engine.dispose()


def chosen(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["knowledge", "chosen", *arguments], env={"COLUMNS": "120"})


def test_each_question_stands_with_its_entry_and_how_often() -> None:
    lines = chosen("--from", "2026-07-01", "--to", "2026-07-02", "--json").output.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"question": ASKED, "entry": "qd-a09", "branch": None, "times": 2},
        {"question": ASKED, "entry": "qd-a10", "branch": None, "times": 1},
        {"question": "交了还能改吗", "entry": "qd-b08", "branch": "closed", "times": 1},
    ]


def test_the_table_shows_the_same() -> None:
    table = chosen("--from", "2026-07-01", "--to", "2026-07-02").output
    assert [line.split() for line in table.splitlines()[1:]] == [
        ["2", "qd-a09", ASKED],
        ["1", "qd-a10", ASKED],
        ["1", "qd-b08", "closed", "交了还能改吗"],
    ]


def test_days_in_the_wrong_order_are_refused() -> None:
    assert chosen("--from", "2026-07-02", "--to", "2026-07-01").exit_code != 0
