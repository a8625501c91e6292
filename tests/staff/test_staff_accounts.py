"""Accounts: who may be added, when a password is right, when an account locks; tokens of integrations."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import cast

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, Table, select, update
from staff_made import PASSWORD, new_staff, small_settings

from core import clock
from core.errors import HelpdeskError
from staff.accounts import NewStaff, SignIn, StaffStore
from staff.passwords import Passwords, refuse_weak
from staff.roles import StaffScope
from staff.sessions import StaffSessions
from staff.tables import StaffRow, StaffTokenRow
from staff.tokens import StaffTokens

Later = Callable[..., None]
_STAFF = cast("Table", StaffRow.__table__)
_TOKENS = cast("Table", StaffTokenRow.__table__)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Give `later(minutes=…)`: from now on the clock stands so long after the test's begin."""
    begun = clock.now()

    def stand(minutes: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: begun + timedelta(minutes=minutes, seconds=20))

    return stand


@pytest.fixture
def store(engine: Engine) -> StaffStore:
    return StaffStore(engine, small_settings())


def tries(store: StaffStore, login: str, *passwords: str) -> list[str]:
    return [store.check_password(login, password)[0].value for password in passwords]


def hash_in(engine: Engine, login: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(select(_STAFF.c.password_hash).where(_STAFF.c.login == login)).scalar_one())


class TestPasswords:
    @pytest.mark.parametrize("password", ["correct-horse-9", "三月的操场上有风筝和鸽子", "x9 ?Wq-lemon", "N0rth-gate!"])
    def test_a_good_one_is_taken(self, password: str) -> None:
        refuse_weak(password, "li.ming")

    @pytest.mark.parametrize(
        ("password", "says"),
        [
            ("short-9-x", "10 to 128"),
            ("x9!a" * 40, "10 to 128"),
            ("li.ming.zhao", "not the login"),
            ("oahz.gnim.il", "not the login"),
            ("LI.MING.ZHAO2026", "not the login"),
            ("aaaaaaaaaaaa", "first that are guessed"),
            ("1234567890", "first that are guessed"),
            ("9876543210", "first that are guessed"),
            ("qwertyuiop", "first that are guessed"),
            ("Password123", "first that are guessed"),
            ("ｐａｓｓｗｏｒｄ１２３", "first that are guessed"),
            ("woaini1314520", "first that are guessed"),
        ],
    )
    def test_one_that_is_guessed_first_is_refused(self, password: str, says: str) -> None:
        with pytest.raises(ValueError, match=says):
            refuse_weak(password, "li.ming.zhao")

    def test_only_an_argon2_hash_is_kept(self, engine: Engine, store: StaffStore) -> None:
        store.add(new_staff("li.ming"))
        kept = hash_in(engine, "li.ming")
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert PASSWORD not in kept

    def test_a_hash_of_older_parameters_is_renewed_by_the_next_sign_in(self, engine: Engine, store: StaffStore) -> None:
        store.add(new_staff("li.ming"))
        weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
        with engine.begin() as connection:
            connection.execute(update(_STAFF).values(password_hash=weak))
        assert tries(store, "li.ming", "not the password") == ["wrong"]
        assert hash_in(engine, "li.ming") == weak
        assert tries(store, "li.ming", PASSWORD) == ["signed_in"]
        assert hash_in(engine, "li.ming").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert tries(store, "li.ming", PASSWORD) == ["signed_in"]

    def test_a_keyboard_may_compose_characters_as_it_likes(self, store: StaffStore) -> None:
        store.add(new_staff("li.ming", password="caf\u00e9-lemon-9"))
        assert tries(store, "li.ming", "cafe\u0301-lemon-9") == ["signed_in"]

    def test_an_unknown_login_takes_as_long_as_a_wrong_password(self, store: StaffStore) -> None:
        for number in range(4):
            store.add(new_staff(f"known-{number}"))
        store.add(new_staff("closed"))
        store.disable("closed")
        store.add(new_staff("provider", password=None))

        def seconds(login: str) -> float:
            start = time.process_time()
            store.check_password(login, "not the password")
            return time.process_time() - start

        ways = ("unknown", "closed", "provider")
        known = statistics.median(seconds(f"known-{number % 4}") for number in range(8))
        others = {way: statistics.median(seconds(way) for _ in range(5)) for way in ways}
        assert {way: took for way, took in others.items() if not 0.5 < took / known < 2} == {}


class TestAccounts:
    @pytest.mark.parametrize("login", ["", "x", "Li.Ming", "-li", "li ming", "李明", "a" * 65, "li\x00"])
    def test_a_login_that_cannot_be_typed_safely_is_refused(self, store: StaffStore, login: str) -> None:
        with pytest.raises(HelpdeskError, match="a login has 2 to 64"):
            store.add(new_staff(login))

    def test_a_login_is_taken_once_and_replacing_makes_it_anew(self, engine: Engine, store: StaffStore) -> None:
        first = store.add(new_staff("li.ming"))
        sessions = StaffSessions(engine, small_settings())
        id_ = sessions.open(first)
        with pytest.raises(HelpdeskError, match=r"there is an account 'li\.ming' already; --replace"):
            store.add(new_staff("li.ming"))
        store.disable("li.ming")
        again = NewStaff("li.ming", "李明", "editor", StaffScope(), "another-password")
        assert store.add(again, replace=True).id == first.id
        assert tries(store, "li.ming", PASSWORD, "another-password") == ["wrong", "signed_in"]
        assert sessions.find(id_) is None
        assert [(account.login, account.staff.role, account.disabled) for account in store.list()] == [
            ("li.ming", "editor", False)
        ]

    def test_a_subject_belongs_to_one_account(self, store: StaffStore) -> None:
        at = {"issuer": "https://id.example", "subject": "s-1"}
        mine = store.add(NewStaff("li.ming", "李明", "agent", StaffScope("qingdao"), **at))
        assert store.by_subject("https://id.example", "s-1") == mine
        assert store.by_subject("https://other.example", "s-1") is None
        with pytest.raises(HelpdeskError, match="login or subject are taken"):
            store.add(NewStaff("wang.fang", "王芳", "agent", StaffScope(), **at))
        store.disable("li.ming")
        assert store.by_subject("https://id.example", "s-1") is None

    def test_disabling_nobody_is_an_error(self, store: StaffStore) -> None:
        with pytest.raises(HelpdeskError, match="there is no account 'nobody'"):
            store.disable("nobody")

    def test_a_disabled_account_loses_its_sessions_and_its_password_is_not_told_right(
        self, engine: Engine, store: StaffStore
    ) -> None:
        sessions = StaffSessions(engine, small_settings())
        id_ = sessions.open(store.add(new_staff("li.ming")))
        assert sessions.find(id_) is not None
        store.disable("li.ming")
        assert sessions.find(id_) is None
        assert tries(store, "li.ming", PASSWORD) == ["disabled"]

    @pytest.mark.parametrize("meanwhile", ["replaced", "disabled"])
    def test_a_password_that_was_right_a_moment_ago_opens_nothing(
        self, engine: Engine, store: StaffStore, monkeypatch: pytest.MonkeyPatch, meanwhile: str
    ) -> None:
        store.add(new_staff("li.ming"))
        real, other = Passwords.check, StaffStore(engine, small_settings())

        def check_slowly(passwords: Passwords, known: str | None, password: str) -> bool:
            right = real(passwords, known, password)
            if meanwhile == "replaced":
                other.add(new_staff("li.ming", password="another-password"), replace=True)
            else:
                other.disable("li.ming")
            return right

        monkeypatch.setattr(Passwords, "check", check_slowly)
        assert store.check_password("li.ming", PASSWORD)[1] is None
        monkeypatch.undo()
        after = {"replaced": ["signed_in"], "disabled": ["disabled"]}
        assert tries(store, "li.ming", "another-password") == after[meanwhile]


class TestLockout:
    def test_the_fifth_wrong_password_locks_until_the_time_is_over(self, store: StaffStore, later: Later) -> None:
        store.add(new_staff("li.ming"))
        assert tries(store, "li.ming", *["wrong"] * 5, PASSWORD) == ["wrong"] * 5 + ["locked"]
        assert store.list()[0].locked
        later(minutes=14)
        assert tries(store, "li.ming", PASSWORD) == ["locked"]
        later(minutes=16)
        assert not store.list()[0].locked
        assert tries(store, "li.ming", *["wrong"] * 4, PASSWORD) == ["wrong"] * 4 + ["signed_in"]

    def test_a_right_password_begins_the_count_anew(self, store: StaffStore) -> None:
        store.add(new_staff("li.ming"))
        for _ in range(2):
            assert tries(store, "li.ming", *["wrong"] * 4, PASSWORD)[-1] == "signed_in"

    def test_one_account_is_locked_and_no_other(self, store: StaffStore) -> None:
        store.add(new_staff("li.ming"))
        store.add(new_staff("wang.fang"))
        tries(store, "li.ming", *["wrong"] * 5)
        assert tries(store, "wang.fang", PASSWORD) == ["signed_in"]

    def test_guesses_at_the_same_time_cannot_pass_one_another(self, engine: Engine, store: StaffStore) -> None:
        store.add(new_staff("li.ming"))
        with ThreadPoolExecutor(8) as pool:
            ended = Counter(pool.map(lambda _: store.check_password("li.ming", "wrong")[0], range(16)))
        assert ended == {SignIn.WRONG: 5, SignIn.LOCKED: 11}


class TestTokens:
    def test_a_token_is_kept_as_a_hash_and_speaks_for_its_role(self, engine: Engine) -> None:
        tokens = StaffTokens(engine)
        text, token = tokens.add("报表", "district", StaffScope("chongqing", "渝北区"), timedelta(days=1))
        assert text.startswith("hdst_")
        who = tokens.find(text)
        assert who is not None
        assert (who.id, who.name, who.role, str(who.scope)) == (
            f"token:{token.id}",
            "报表",
            "district",
            "chongqing/渝北区",
        )
        with engine.connect() as connection:
            row = connection.execute(select(_TOKENS)).one()
        assert text not in str(row)
        assert [tokens.find(other) for other in (text[:-1], text + "x", "hdst_", token.id)] == [None] * 4

    def test_it_ends_with_its_time_or_when_it_is_revoked(self, engine: Engine, later: Later) -> None:
        tokens = StaffTokens(engine)
        revoked, known = tokens.add("revoked", "agent", StaffScope(), timedelta(days=30))
        expired, _ = tokens.add("expired", "agent", StaffScope(), timedelta(days=1))
        tokens.revoke(known.id)
        assert tokens.find(revoked) is None
        assert tokens.find(expired) is not None
        later(minutes=24 * 60)
        assert tokens.find(expired) is None
        assert [token.valid for token in tokens.list()] == [False, False]
        with pytest.raises(HelpdeskError, match="there is no token 'x'"):
            tokens.revoke("x")


class TestSessions:
    def test_a_session_that_is_used_lasts_its_life_and_no_longer(
        self, engine: Engine, store: StaffStore, later: Later
    ) -> None:
        sessions = StaffSessions(engine, small_settings(staff_session_hours=3, staff_idle_minutes=60))
        id_ = sessions.open(store.add(new_staff("li.ming")))
        for minutes in range(30, 180, 30):
            later(minutes=minutes)
            assert sessions.find(id_) is not None, f"after {minutes} minutes"
        later(minutes=180)
        assert sessions.find(id_) is None
        assert sessions.delete_ended() == 1

    def test_a_session_that_is_not_used_ends_before(self, engine: Engine, store: StaffStore, later: Later) -> None:
        sessions = StaffSessions(engine, small_settings(staff_idle_minutes=60))
        id_ = sessions.open(store.add(new_staff("li.ming")))
        later(minutes=61)
        assert sessions.find(id_) is None
