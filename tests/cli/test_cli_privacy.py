"""`helpdesk privacy purge`: what it deletes, what it says, and what stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from conversations.audit import AuditLog, Look, open_audit_log
from conversations.migrate import migrate
from conversations.storage import ConversationStore, open_engine
from core import clock
from core.scope import Scope
from core.settings import settings
from hotline.calls import CallStore, Happened

NOW = clock.now()


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> Iterator[AuditLog]:
    """Give the audit log of a service in which cq-zhang spoke 200 days ago, cq-liu 100 and 10 days ago."""
    engine = open_engine(settings().database)
    migrate(engine)
    opened, store = open_audit_log(settings(), engine), ConversationStore(engine)
    calls = CallStore(engine)
    for days, guardian in ((200, "cq-zhang"), (100, "cq-liu"), (10, "cq-liu")):
        with monkeypatch.context() as at_that_time:
            at_that_time.setattr(clock, "now", lambda days=days: NOW - timedelta(days=days))
            conversation, _ = store.create(Scope("chongqing"), [])
            store.sign_in(conversation.id, guardian, "chongqing", f"jti-{days}", clock.now())
            store.begin_turn(conversation.id, "我的报名进度")
            opened.record(Look(guardian, "guardian", "chongqing", (), "asked", ("none",), conversation.id))
            call = calls.start(f"agent-{days}", None, None)
            calls.add(f"agent-{days}", call.id, [Happened("key-00001", "told", "cq-10", "刷脸查不到孩子")])
    opened.close()
    yield opened
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["privacy", "purge", *arguments])


def counts(*arguments: str) -> dict[str, int]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    told: dict[str, int] = json.loads(result.output)
    return told


def test_by_default_the_setting_says_how_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counts("--dry-run")["conversations"] == 1
    monkeypatch.setenv("HELPDESK_RETENTION_DAYS", "50")
    settings.cache_clear()
    assert counts("--dry-run")["conversations"] == 2


def test_older_than_says_how_old() -> None:
    assert counts("--older-than", "5")["conversations"] == 3


def test_counts_are_all_that_is_said(log: AuditLog) -> None:
    assert counts() == {
        "dry_run": False,
        "conversations": 1,
        "turns": 1,
        "said": 1,
        "announcements": 0,
        "case_waits": 0,
        "offered": 0,
        "feedback": 0,
        "token_uses": 1,
        "pseudonyms": 1,
        "calls": 1,
        "call_events": 1,
        "call_lookups": 0,
        "handovers": 0,
        "staff_message_keys": 0,
        "kept_news": 0,
        "tickets": 0,
        "ticket_messages": 0,
        "ticket_events": 0,
        "outbox": 0,
        "ticket_watchers": 0,
        "incident_tickets": 0,
        "ticket_attachments": 0,
        "notifications": 0,
    }
    assert log.verify().rows == 3
    assert log.verify().ok


def test_lines_are_for_reading_and_name_nobody() -> None:
    lines = run("--guardian", "cq-liu").output.splitlines()
    assert lines[0] == "deleted:"
    assert ["2", "conversations"] in [line.split() for line in lines]
    assert "cq-liu" not in "".join(lines)


def test_dry_run_deletes_nothing() -> None:
    assert run("--dry-run", "--older-than", "5").output.startswith("would delete:")
    assert counts("--dry-run", "--older-than", "5") == {**counts("--older-than", "5"), "dry_run": True}


def test_calls_grow_old_as_conversations_do_and_belong_to_no_guardian() -> None:
    assert counts("--dry-run", "--older-than", "5")["calls"] == 3
    assert "calls" not in counts("--guardian", "cq-liu")
    assert counts("--older-than", "50")["calls"] == 2
    assert counts("--older-than", "50")["calls"] == 0


def test_all_of_one_guardian_goes(log: AuditLog) -> None:
    assert counts("--guardian", "cq-liu")["conversations"] == 2
    assert counts("--guardian", "cq-liu")["conversations"] == 0
    listed = CliRunner().invoke(app, ["audit", "list"]).output
    assert "cq-zhang" in listed
    assert "cq-liu" not in listed
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0


def test_age_and_guardian_together_are_refused() -> None:
    result = run("--guardian", "cq-liu", "--older-than", "5")
    assert result.exit_code == 2
    assert "not both" in result.output


def test_no_days_are_refused() -> None:
    assert run("--older-than", "0").exit_code == 2
