"""Staff sign in with a password, stay signed in, and sign out, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from desk_running import Service, running_app
from sqlalchemy import Table, select, update
from staff_browser import FORM, SESSION, StaffBrowser
from staff_made import PASSWORD, add_to, new_staff

from channels.staff.door import REMEMBERED_SECONDS
from conversations.storage import open_engine
from core import clock
from staff.accounts import SignIn, StaffStore
from staff.roles import StaffScope
from staff.sessions import hash_of
from staff.tables import StaffSessionRow
from staff.tokens import StaffTokens

pytestmark = pytest.mark.system
_SESSIONS = cast("Table", StaffSessionRow.__table__)
Browse = Callable[..., StaffBrowser]


@pytest.fixture
def browse(desk: Service) -> Iterator[Browse]:
    """Give `browse()`: a browser of its own each time."""
    opened: list[StaffBrowser] = []

    def open_one(service: Service = desk) -> StaffBrowser:
        opened.append(StaffBrowser(service.base))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def change(service: Service, statement: Any) -> None:
    engine = open_engine(service.settings.database)
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


def counted(service: Service) -> dict[str, float]:
    lines = httpx.get(f"{service.base}/metrics", trust_env=False).text.splitlines()
    found = [line.split('outcome="')[1].split('"} ') for line in lines if line.startswith("helpdesk_staff_sign_ins")]
    return {outcome: float(count) for outcome, count in found}


def refused_words(response: httpx.Response) -> str:
    assert 'role="alert"' in response.text
    return response.text.split('role="alert">')[1].split("<")[0]


def test_a_right_password_leads_to_the_wanted_page_and_the_cookie_is_kept_from_scripts(
    desk: Service, browse: Browse
) -> None:
    staff = add_to(desk, "li.ming", "agent", "chongqing")
    browser = browse()
    asked = browser.call("GET", "/staff?x=1")
    assert (asked.status_code, asked.headers["location"]) == (303, "/staff/sign-in?next=%2Fstaff%3Fx%3D1")
    done = browser.sign_in("  Li.Ming ", PASSWORD, "/staff?x=1")
    assert (done.status_code, done.headers["location"]) == (303, "/staff?x=1")
    cookie = browser.set_cookies[SESSION]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "lax", "/")
    assert (cookie["domain"], cookie["max-age"], cookie["expires"]) == ("", "", "")
    me = browser.me()
    assert {**me, "csrf": ""} == {
        "id": staff.id, "name": "某li.ming", "role": "agent", "scope": "chongqing", "csrf": "",
    }  # fmt: skip
    assert len(me["csrf"]) >= 43
    page = browser.call("GET", "/staff")
    assert ("某li.ming，您好" in page.text, "坐席" in page.text, "重庆" in page.text) == (True, True, True)
    assert page.headers["cache-control"] == "no-store"


def test_wrong_unknown_locked_and_disabled_read_the_same_and_are_counted_apart(desk: Service, browse: Browse) -> None:
    for login in ("wrong", "locked", "disabled"):
        add_to(desk, login)
    engine = open_engine(desk.settings.database)
    StaffStore(engine, desk.settings).disable("disabled")
    engine.dispose()
    before = counted(desk)
    browser = browse()
    for _ in range(3):
        browser.sign_in("locked", "not the password")
    tries = {login: browser.sign_in(login, "not the password") for login in ("wrong", "unknown")}
    tries |= {login: browser.sign_in(login, PASSWORD) for login in ("locked", "disabled")}
    assert {response.status_code for response in tries.values()} == {401}
    assert {refused_words(response) for response in tries.values()} == {
        "账号或密码不对。请检查后再试；连续输错 3 次，账号会锁定 15 分钟。"
    }
    assert SESSION not in browser.cookies
    added = {outcome: count - before[outcome] for outcome, count in counted(desk).items() if count != before[outcome]}
    assert added == {"wrong": 5, "locked": 1, "disabled": 1}
    assert set(before) == {outcome.value for outcome in SignIn}
    log = (desk.folder / "app.log").read_text(encoding="utf-8")
    assert "a sign-in of staff was refused: wrong" in log
    assert [word for word in ("unknown", "not the password", PASSWORD, "li.ming") if word in log] == []


def test_signing_out_ends_the_session_at_once_and_everywhere(desk: Service, browse: Browse) -> None:
    add_to(desk, "out")
    browser = browse()
    browser.sign_in("out", PASSWORD)
    stolen = browser.cookies[SESSION]
    done = browser.call("POST", "/staff/sign-out", data={"csrf": browser.me()["csrf"]})
    assert (done.status_code, done.headers["location"]) == (303, "/staff/sign-in?signed_out=true")
    assert SESSION not in browser.cookies
    assert "您已退出登录" in browser.call("GET", "/staff/sign-in?signed_out=true").text
    browser.cookies[SESSION] = stolen
    assert browser.call("GET", "/api/v1/me").status_code == 401


def test_a_session_that_was_there_before_signing_in_is_not_the_one_after(desk: Service, browse: Browse) -> None:
    add_to(desk, "first")
    add_to(desk, "second")
    browser = browse()
    browser.cookies[SESSION] = "chosen-by-somebody-else"
    browser.sign_in("first", PASSWORD)
    first = browser.cookies[SESSION]
    assert first != "chosen-by-somebody-else"
    browser.sign_in("second", PASSWORD)
    assert (browser.cookies[SESSION] != first, browser.me()["name"]) == (True, "某second")
    browser.cookies[SESSION] = first
    assert browser.call("GET", "/api/v1/me").status_code == 401


@pytest.mark.parametrize("how", ["disabled", "over", "idle", "replaced"])
def test_a_session_ends_within_seconds_also_when_another_process_ends_it(
    desk: Service, browse: Browse, how: str
) -> None:
    staff = add_to(desk, f"ends-{how}")
    browser = browse()
    browser.sign_in(f"ends-{how}", PASSWORD)
    assert browser.me()["id"] == staff.id
    engine = open_engine(desk.settings.database)
    store, mine = StaffStore(engine, desk.settings), _SESSIONS.c.id_hash == hash_of(browser.cookies[SESSION])
    if how == "disabled":
        store.disable(f"ends-{how}")
    elif how == "replaced":
        store.add(new_staff(f"ends-{how}", password="another-password"), replace=True)
    else:
        long_ago = clock.now() - timedelta(minutes=desk.settings.staff_idle_minutes, seconds=1)
        values = {"ends_at": clock.now()} if how == "over" else {"seen_at": long_ago}
        change(desk, update(_SESSIONS).where(mine).values(**values))
    engine.dispose()
    ends = time.monotonic() + REMEMBERED_SECONDS + 1
    while browser.call("GET", "/api/v1/me").status_code == 200:
        assert time.monotonic() < ends, "the session goes on"
        time.sleep(0.2)
    assert browser.call("GET", "/staff").status_code == 303


def test_a_token_ends_within_seconds_when_another_process_revokes_it(desk: Service) -> None:
    engine = open_engine(desk.settings.database)
    tokens = StaffTokens(engine)
    text, token = tokens.add("reports", "city", StaffScope("qingdao"), timedelta(days=1))
    with httpx.Client(base_url=desk.base, headers={"Authorization": f"Bearer {text}"}, trust_env=False) as http:
        assert http.get("/api/v1/me").json() == {
            "id": f"token:{token.id}", "name": "reports", "role": "city", "scope": "qingdao", "csrf": None,
        }  # fmt: skip
        tokens.revoke(token.id)
        ends = time.monotonic() + REMEMBERED_SECONDS + 1
        while http.get("/api/v1/me").status_code == 200:
            assert time.monotonic() < ends, "the token goes on"
            time.sleep(0.2)
    engine.dispose()


def test_ended_sessions_are_deleted_at_the_next_sign_in(desk: Service, browse: Browse) -> None:
    add_to(desk, "old")
    browser = browse()
    browser.sign_in("old", PASSWORD)
    mine = hash_of(browser.cookies[SESSION])
    change(desk, update(_SESSIONS).where(_SESSIONS.c.id_hash == mine).values(ends_at=clock.now()))
    browse().sign_in("old", PASSWORD)
    engine = open_engine(desk.settings.database)
    with engine.connect() as connection:
        kept = connection.execute(select(_SESSIONS.c.id_hash)).scalars().all()
    engine.dispose()
    assert mine not in kept
    assert kept


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/\t/evil.example", " //evil.example", "staff", "", "/staff/sign-in\r\nX: y", "/" + "a" * 2000,
    ],
)  # fmt: skip
def test_a_next_that_leads_elsewhere_is_not_followed(desk: Service, browse: Browse, wanted: str) -> None:
    browser = browse()
    done = browser.sign_in_as_invented("editor", wanted)
    assert (done.status_code, done.headers["location"]) == (303, "/staff")


@pytest.mark.parametrize(
    ("headers", "spoil"),
    [
        ({"Origin": "https://evil.example"}, ""),
        ({"Origin": "null"}, ""),
        ({"Origin": ""}, ""),
        ({"Sec-Fetch-Site": "cross-site"}, ""),
        ({"Sec-Fetch-Site": "same-site"}, ""),
        ({"Sec-Fetch-Site": "none"}, ""),
        ({}, "secret"),
        ({}, "cookie"),
        ({"Content-Type": "text/plain"}, ""),
    ],
)
@pytest.mark.parametrize("path", ["/staff/sign-in", "/staff/demo"])
def test_another_site_cannot_sign_a_browser_in(
    desk: Service, browse: Browse, path: str, headers: dict[str, str], spoil: str
) -> None:
    browser = browse()
    secret = browser.secret()
    if spoil == "cookie":
        browser.cookies.pop(FORM)
    form = {"secret": "x" * 43 if spoil == "secret" else secret, "account": "editor", "login": "a", "password": "b"}
    response = browser.call("POST", path, headers=headers, data=form)
    assert response.status_code == 403
    assert refused_words(response) == "页面已过期，请重新登录。"
    assert SESSION not in browser.cookies


def test_invented_accounts_sign_in_and_land_where_their_role_works(desk: Service, browse: Browse) -> None:
    browser = browse()
    page = browser.call("GET", "/staff/sign-in").text
    assert "演示账号" in page
    roles = {}
    for key in ("agent-chongqing", "agent-qingdao", "school", "district", "city", "editor", "admin"):
        assert f'value="{key}"' in page
        assert browser.sign_in_as_invented(key).status_code == 303
        me = browser.me()
        roles[key] = (me["role"], me["scope"])
    assert roles["agent-qingdao"] == ("agent", "qingdao")
    assert roles["school"] == ("school", "chongqing/渝北区/示范第一小学")
    assert {role for role, _ in roles.values()} == {"agent", "school", "district", "city", "editor", "admin"}
    assert browser.sign_in_as_invented("king").status_code == 404


def test_without_the_demo_key_there_are_no_invented_accounts_and_their_sessions_end(tmp_path: Path) -> None:
    no_demo = {"HELPDESK_DEMO_KEY_FILE": "", "HELPDESK_ENV_FILE": str(tmp_path / "none")}
    with running_app(tmp_path) as demo, closing(StaffBrowser(demo.base)) as browser:
        browser.sign_in_as_invented("admin")
        kept = browser.cookies[SESSION]
    with running_app(tmp_path, **no_demo) as plain, closing(StaffBrowser(plain.base)) as browser:
        assert "演示账号" not in browser.call("GET", "/staff/sign-in").text
        assert browser.sign_in_as_invented("admin").status_code == 404
        browser.cookies[SESSION] = kept
        assert browser.call("GET", "/api/v1/me").status_code == 401


def test_an_address_that_tries_too_often_is_told_when_to_go_on(tmp_path: Path) -> None:
    with running_app(tmp_path, HELPDESK_LIMIT_SIGN_IN="2/hour") as service:
        add_to(service, "right")
        with closing(StaffBrowser(service.base, "203.0.113.1")) as browser:
            tries = [browser.sign_in("nobody", "not the password").status_code for _ in range(2)]
            refused = browser.sign_in("right", PASSWORD)
            invented = browser.sign_in_as_invented("admin")
        assert (tries, refused.status_code, invented.status_code) == ([401, 401], 429, 429)
        assert refused.headers["retry-after"] in refused_words(refused)
        assert counted(service)["limited"] == 2
        with closing(StaffBrowser(service.base, "203.0.113.2")) as other:
            assert other.sign_in("right", PASSWORD).status_code == 303
