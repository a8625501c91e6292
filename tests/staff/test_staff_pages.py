"""What pages of staff answer to a role that may not see them; where each role goes after signing in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from staff_browser import SESSION
from staff_made import new_staff, small_settings

from channels.access import ACCESS, AGENT
from channels.app import create_app
from channels.services import Services
from channels.staff.landing import landing
from core.settings import Settings, settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Give the application in this process, so that a test may change its table."""
    folder = tmp_path_factory.mktemp("pages")
    made = create_app(own_settings(folder))
    yield made
    parts: Services = made.state.services
    parts.desk.audit.close()
    asyncio.run(parts.desk.backend.aclose())
    asyncio.run(parts.rasa.aclose())
    parts.desk.store.engine.dispose()


def own_settings(folder: Path) -> Settings:
    files = {"audit_key_file": folder / "audit.key", "audit_head_file": folder / "audit.heads"}
    database = f"sqlite:///{folder}/helpdesk.db"
    return small_settings(var_dir=settings().var_dir, database_url=database, enrollment_key="x", **files)


def get(app: FastAPI, path: str, session: str) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.get(path, headers={"Cookie": f"{SESSION}={session}"})

    return asyncio.run(call())


def test_a_role_that_may_not_see_a_page_is_told_so_by_a_page(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    door = app.state.services.staff
    session = door.sessions.open(door.accounts.add(new_staff("li.ming", "editor", password=None)))
    assert get(app, "/staff", session).status_code == 200
    monkeypatch.setitem(ACCESS, ("GET", "/staff"), AGENT)
    response = get(app, "/staff", session)
    assert (response.status_code, response.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "您的账号没有这项权限。" in response.text
    assert "您现在以“某li.ming”（编辑）登录。" in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")


def test_each_role_lands_on_its_page_once_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/hotline", "/school"):
        monkeypatch.delitem(ACCESS, ("GET", path), raising=False)
    assert [landing(role, "") for role in ("agent", "district", "editor")] == ["/staff"] * 3
    monkeypatch.setitem(ACCESS, ("GET", "/hotline"), AGENT)
    assert [landing(role, "") for role in ("agent", "district", "editor")] == ["/hotline", "/staff", "/staff"]


def test_a_wanted_page_that_the_role_may_not_see_is_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACCESS, ("GET", "/hotline"), AGENT)
    assert landing("agent", "/hotline?city=qingdao") == "/hotline?city=qingdao"
    assert landing("editor", "/hotline?city=qingdao") == "/staff"
    assert landing("editor", "/staff/sign-in") == "/staff"
    assert landing("editor", "/demo#x") == "/demo#x"
