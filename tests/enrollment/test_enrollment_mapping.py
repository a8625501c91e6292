"""Another city's system fits by a file alone, and a file that does not fit is refused at start with the place."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from backend_contract import BackendContract, Messages, Move
from enrollment_fault_server import fault_server, reply
from other_city import MAPPING, TOKEN, OtherCity, other_city
from pydantic import SecretStr

from core.errors import SettingsError
from core.settings import read_settings
from enrollment.backend import EnrollmentBackend
from enrollment.client import HttpEnrollmentBackend, open_backend
from enrollment.dialect import fill_in, read_applications
from enrollment.errors import (
    EnrollmentError,
    MalformedError,
    NotOfferedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnknownPathError,
)
from enrollment.exchange import Wire
from enrollment.mapping import MAPPING_FILE, Mapping, Source, load_mapping
from enrollment.signing import Signer

SIGNER = Signer("hmac-sm3", SecretStr("the-other-city's-key"), "desk-1")
NOW = datetime(2026, 4, 20, tzinfo=UTC)
NO_FILE = Path("/nowhere/helpdesk.env")
Changed = Callable[..., Mapping]


@pytest.fixture(scope="module")
def town() -> Iterator[OtherCity]:
    with other_city(SIGNER) as running:
        yield running


def backend_of(town: OtherCity, signer: Signer | None = SIGNER, token: str = TOKEN) -> HttpEnrollmentBackend:
    wire = Wire(read_timeout=5.0, signer=signer, mapping=load_mapping(MAPPING), circuit_failures=1000)
    return HttpEnrollmentBackend(town.url, SecretStr(token), 5.0, wire)


def mapped(url: str, mapping: Mapping) -> HttpEnrollmentBackend:
    return HttpEnrollmentBackend(url, SecretStr("k"), 1.0, Wire(mapping=mapping))


class TestOtherCity(BackendContract):
    @pytest.fixture
    async def backend(self, town: OtherCity) -> AsyncIterator[EnrollmentBackend]:
        backend = backend_of(town)
        yield backend
        await backend.aclose()

    @pytest.fixture
    def move(self, town: OtherCity) -> Move:
        return town.move

    @pytest.fixture
    def messages(self, town: OtherCity) -> Messages:
        return lambda: list(town.messages)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("signer", "token"),
    [
        (None, TOKEN),
        (SIGNER, "wrong"),
        (Signer("hmac-sm3", SecretStr("another key altogether"), "desk-1"), TOKEN),
        (Signer("hmac-sha256", SIGNER.key, "desk-1"), TOKEN),
        (Signer("hmac-sm3", SIGNER.key, "desk-2"), TOKEN),
    ],
)
async def test_the_other_city_refuses_who_signs_wrongly(town: OtherCity, signer: Signer | None, token: str) -> None:
    async with aclosing(backend_of(town, signer, token)) as backend:
        with pytest.raises(RefusedError):
            await backend.applications_of("cq-zhang", "chongqing")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "error"),
    [(4001, RefusedError), (4029, ThrottledError), (5000, UnavailableError), (9999, MalformedError)],
)
async def test_a_code_inside_the_reply_has_its_name(town: OtherCity, code: int, error: type[EnrollmentError]) -> None:
    town.refuse = code
    try:
        async with aclosing(backend_of(town)) as backend:
            for ask in (lambda: backend.applications_of("cq-zhang", "chongqing"), backend.latest_change):
                with pytest.raises(EnrollmentError) as caught:
                    await ask()
                assert type(caught.value) is error
    finally:
        town.refuse = 0


@pytest.mark.anyio
async def test_the_settings_alone_connect_the_other_city(town: OtherCity, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "URL": town.url,
        "KEY": TOKEN,
        "MAPPING": str(MAPPING),
        "SIGNING": "hmac-sm3",
        "SIGNING_KEY": SIGNER.key.get_secret_value(),
        "SIGNING_KEY_ID": "desk-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"HELPDESK_ENROLLMENT_{name}", value)
    async with aclosing(open_backend(read_settings(NO_FILE))) as backend:
        (zhang,) = await backend.applications_of("cq-zhang", "chongqing")
    assert (zhang.id, zhang.child, zhang.state) == ("CQ2026-0417-0031", "张*", "待审核")
    assert zhang.since.utcoffset() is not None


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Give a function that loads a mapping of which the value at a place was changed, or taken out."""

    def load(place: str, value: Any = None, *, out: bool = False, file: Path = MAPPING_FILE) -> Mapping:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        *way, last = place.split(".")
        here = data
        for name in way:
            here = here[name]
        if out:
            del here[last]
        else:
            here[last] = value
        path = tmp_path / "mapping.yml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        load_mapping.cache_clear()
        return load_mapping(path)

    return load


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("applications.fields.state", "zt..dm", "applications.fields.state.at: Value error, not a JMESPath expression"),
        ("applications.list", "", "applications.list: Value error, not a JMESPath"),
        ("applications.fields.stat", "state", "applications.fields.stat: there is no such field"),
        ("applications.fields.state", {}, "applications.fields.state: Value error, needs exactly one of"),
        ("applications.fields.state", {"at": "a", "always": "b"}, "needs exactly one of at, always and known"),
        ("applications.fields.state", {"at": "a", "turn": "upper"}, "applications.fields.state.turn: Input should be"),
        ("applications.fields.as_of", {"known": "time"}, "applications.fields.as_of.known: Input should be"),
        ("applications.fields.stage", {"at": "s", "words": {"1": "高中"}}, "stage: may become 幼升小 or 小升初 only"),
        ("applications.fields.window_open", {"always": "yes"}, "window_open: may become true or false only"),
        ("applications.problems.fields.reason", 7, "applications.problems.fields.reason"),
        ("applications.body", {"guardian": "x"}, "applications: {guardian} is not sent"),
        ("applications.body", {"g": "{guardian}", "x": "{token}"}, "applications: {token} stands for nothing here"),
        ("applications.method", "DELETE", "applications.method: Input should be 'GET' or 'POST'"),
        ("applications.path", "https://elsewhere/query", "applications.path: Value error, has to be a path below"),
        ("applications.path", "//elsewhere/query", "applications.path: Value error, has to be a path below"),
        ("applications.path", "query?a=1", "applications.path: Value error"),
        ("applications.nothing", ["404 Not Found"], "applications.nothing.0"),
        ("changes.query", {}, "changes: {after} is not sent"),
        ("changes.query", {"after": "{after}", "of": "{guardian}"}, "changes: {guardian} stands for nothing here"),
        ("changes", None, "changes and latest go together"),
        ("latest", None, "changes and latest go together"),
        ("verification.send.body", {"number": "{number}"}, "verification.send: {city} is not sent"),
        ("verification.check.body", {"id": "{verification}"}, "verification.check: {code} is not sent"),
        ("verification.check.body", {"v": "{verification}", "c": "{code}{number}"}, "{number} stands for nothing here"),
        ("verification.application.body", {}, "verification.application: {verification} is not sent"),
        ("verification.check.right", [], "verification.check.right: Tuple should have at least 1 item"),
        ("verification.send.at", "id[", "verification.send.at: Value error, not a JMESPath expression"),
        ("health.at", "status[", "health.at: Value error, not a JMESPath expression"),
        ("times", "whenever", "times: Value error, has to be iso, unix, unix_ms or a strptime format"),
        ("zone", "China/Peking", "zone: Value error, is no time zone"),
        ("cities", {}, "cities: Dictionary should have at least 1 item"),
        ("cities", {"beijing": "1"}, "cities.beijing"),
        ("cities", {"qingdao": 1, "chongqing": "1"}, "cities: two cities have the same name"),
        ("states.qingdao", {"31": "补正"}, "states.qingdao.31: states.yml has no such state for qingdao"),
        ("states.chongqing", {"x": None}, "states.chongqing.x: states.yml has no such state"),
        ("codes", {"at": "code", "fine": []}, "codes.fine: Tuple should have at least 1 item"),
        ("key", {"header": "X Key"}, "key.header: String should match"),
        ("content_types", [], "content_types: Tuple should have at least 1 item"),
        ("retries", 7, "retries: Extra inputs are not permitted"),
    ],
)
def test_a_mapping_that_breaks_a_rule_is_refused_with_setting_file_and_place(
    changed: Changed, place: str, value: Any, message: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        changed(place, value)
    assert str(caught.value).startswith("HELPDESK_ENROLLMENT_MAPPING: mapping.yml: ")


@pytest.mark.parametrize(
    "place", ["applications.fields.id", "changes.fields.guardian", "applications.list", "zone", "verification"]
)
def test_nothing_may_be_left_out_by_mistake(changed: Changed, place: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(place)):
        changed(place, out=True)


def test_a_city_that_is_neither_sent_nor_told_is_refused(changed: Changed) -> None:
    with pytest.raises(SettingsError, match="cities could be mixed up"):
        changed("applications.body", {"head": 1, "id": "{guardian}"}, file=MAPPING)


@pytest.mark.parametrize("text", ["", "- a", "{", "key: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"HELPDESK_ENROLLMENT_MAPPING: .*broken\.yml"):
        load_mapping(path)


def test_a_file_that_is_not_there_is_named() -> None:
    current = read_settings(NO_FILE).model_copy(update={"enrollment_mapping": Path("/nowhere/mapping.yml")})
    with pytest.raises(SettingsError, match=r"HELPDESK_ENROLLMENT_MAPPING: /nowhere/mapping\.yml can't be read"):
        open_backend(current)


ROW = {"n": 7, "name": "赵*", "order": 1, "school": "S", "at": "1776672000", "x": {"district": "D", "stage": "幼升小"}}
FIELDS = {
    "id": {"at": "n", "turn": "text"},
    "city": {"known": "city"},
    "district": "x.district",
    "child": {"at": "name", "turn": "masked"},
    "birth_order": {"known": "position"},
    "school": "school",
    "stage": "x.stage",
    "state": {"always": "待审核"},
    "since": "at",
    "window_open": {"always": True},
    "as_of": {"known": "moment"},
}


@pytest.fixture
def plain(changed: Changed) -> Changed:
    """Give the changed mapping with fields as above, the whole reply being the list."""

    def load(times: str, zone: str | None = None) -> Mapping:
        mapping = changed("applications.fields", FIELDS)
        call = mapping.applications.model_copy(update={"list": "@", "problems": None, "history": None})
        return mapping.model_copy(update={"applications": call, "times": times, "zone": zone})

    return load


def test_what_the_backend_does_not_tell_is_filled_in(plain: Changed) -> None:
    first, second = read_applications(plain("unix"), [ROW, ROW | {"n": 8, "name": "赵小明"}], "chongqing", NOW)
    assert (first.id, second.id) == ("7", "8")
    assert (first.birth_order, second.birth_order) == (1, 2)
    assert (first.child, second.child) == ("赵*", "赵**")
    assert (first.as_of, first.window_open, first.state, first.city) == (NOW, True, "待审核", "chongqing")
    assert (first.problems, first.history) == ((), ())


@pytest.mark.parametrize(
    ("times", "zone", "given", "expected"),
    [
        ("unix", None, 1776672000, "2026-04-20T08:00:00+00:00"),
        ("unix", None, "1776672000", "2026-04-20T08:00:00+00:00"),
        ("unix_ms", None, 1776672000000, "2026-04-20T08:00:00+00:00"),
        ("iso", None, "2026-04-20T16:00:00+08:00", "2026-04-20T08:00:00+00:00"),
        ("iso", "Asia/Shanghai", "2026-04-20 16:00:00", "2026-04-20T08:00:00+00:00"),
        ("iso", "Asia/Shanghai", "2026-04-20T08:00:00Z", "2026-04-20T08:00:00+00:00"),
        ("%Y年%m月%d日", "Asia/Shanghai", "2026年04月20日", "2026-04-19T16:00:00+00:00"),
        ("%d/%m/%Y %H:%M %z", None, "20/04/2026 16:00 +0800", "2026-04-20T08:00:00+00:00"),
    ],
)
def test_times_are_read_as_the_mapping_says(
    plain: Changed, times: str, zone: str | None, given: Any, expected: str
) -> None:
    (read,) = read_applications(plain(times, zone), [ROW | {"at": given}], "chongqing", NOW)
    assert read.since == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("times", "given"),
    [
        ("unix", None),
        ("unix", True),
        ("unix", "soon"),
        ("unix", 10**30),
        ("unix", [1]),
        ("unix_ms", float("nan")),
        ("iso", 1776672000),
        ("iso", "2026-04-20T08:00:00"),
        ("iso", "2026-13-20T08:00:00Z"),
        ("%Y%m%d", "2026-04-20"),
        ("%Y%m%d", "20260420"),
    ],
)
def test_a_time_that_is_none_is_malformed_and_not_told(plain: Changed, times: str, given: Any) -> None:
    with pytest.raises(MalformedError, match=r"applications\.0\.since") as caught:
        read_applications(plain(times), [ROW | {"at": given}], "chongqing", NOW)
    assert caught.value.__cause__ is None
    assert str(given) not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place"),
    [({"n": True}, "id"), ({"n": 1.5}, "id"), ({"n": None}, "id"), ({"name": ""}, "child"), ({"x": None}, "district")],
)
def test_a_value_that_cannot_be_turned_is_malformed_at_its_place(
    plain: Changed, change: dict[str, Any], place: str
) -> None:
    with pytest.raises(MalformedError, match=rf"applications\.0\.{place}"):
        read_applications(plain("unix"), [ROW | change], "chongqing", NOW)


def test_names_in_chinese_characters_are_found(changed: Changed) -> None:
    mapping = changed("applications.list", '"数据"."办件"')
    call = mapping.applications
    fields = {name: source for name, source in call.fields.items() if name != "school"}
    fields["school"] = Source.model_validate('"学校"."名称"')
    mapping = mapping.model_copy(update={"applications": call.model_copy(update={"fields": fields})})
    row = {
        "id": "7",
        "city": "qingdao",
        "district": "D",
        "child": "赵*",
        "birth_order": 1,
        "stage": "幼升小",
        "state": "初审",
        "since": "2026-04-17T08:00:00Z",
        "window_open": True,
        "as_of": "2026-04-17T08:00:00Z",
        "学校": {"名称": "样板路小学"},
    }
    (read,) = read_applications(mapping, {"数据": {"办件": [row]}}, "qingdao", NOW)
    assert read.school == "样板路小学"


def test_an_expression_that_a_reply_does_not_fit_is_malformed_and_tells_no_value(changed: Changed) -> None:
    mapping = changed("applications.fields.school", "length(school)")
    row = {"school": 4711, "child": "赵*"}
    with pytest.raises(MalformedError) as caught:
        read_applications(mapping, {"applications": [row]}, "chongqing", NOW)
    assert caught.value.__cause__ is None
    assert "4711" not in str(caught.value)


@pytest.mark.anyio
async def test_a_city_that_the_backend_does_not_serve_is_named_and_not_asked(changed: Changed) -> None:
    async with (
        fault_server(reply({"applications": []})) as server,
        aclosing(mapped(server.url, changed("cities", {"qingdao": "qd"}))) as backend,
    ):
        assert await backend.applications_of("x", "qingdao") == []
        with pytest.raises(NotOfferedError, match="chongqing"):
            await backend.applications_of("x", "chongqing")
    assert [b'"city": "qd"' in request for request in server.requests] == [True]


@pytest.mark.anyio
async def test_a_backend_without_changes_says_so_by_name(changed: Changed) -> None:
    mapping = changed("health", None).model_copy(update={"changes": None, "latest": None})
    async with aclosing(mapped("http://127.0.0.1:1", mapping)) as backend:
        for ask in (backend.latest_change, lambda: backend.changes_after(0)):
            with pytest.raises(NotOfferedError, match="HELPDESK_ENROLLMENT_MAPPING"):
                await ask()
        assert await backend.ready() is True  # there is no call for it: while look-ups don't fail, it counts as well


@pytest.mark.anyio
async def test_a_backend_that_verifies_nobody_says_so_by_name(changed: Changed) -> None:
    async with aclosing(mapped("http://127.0.0.1:1", changed("verification", None))) as backend:
        for ask in (
            lambda: backend.send_code("x", "qingdao"),
            lambda: backend.verify("x", "123456"),
            lambda: backend.application_verified("x", "qingdao"),
        ):
            with pytest.raises(NotOfferedError, match="HELPDESK_ENROLLMENT_MAPPING, verification"):
                await ask()


@pytest.mark.anyio
async def test_a_404_means_that_there_is_nothing_only_where_the_mapping_says_so(changed: Changed) -> None:
    async with fault_server(reply({}, status="404 Not Found")) as server:
        async with aclosing(mapped(server.url, changed("applications.nothing", [404]))) as backend:
            assert await backend.applications_of("x", "qingdao") == []
        async with aclosing(mapped(server.url, load_mapping())) as backend:
            with pytest.raises(UnknownPathError):
                await backend.applications_of("x", "qingdao")


@pytest.mark.anyio
async def test_a_guardian_in_the_path_stays_within_its_segment(changed: Changed) -> None:
    mapping = changed("applications.path", "g/{guardian}/{city}/cases")
    async with (
        fault_server(reply({"applications": []})) as server,
        aclosing(mapped(server.url + "/api", mapping)) as backend,
    ):
        for guardian in ("../..", "a/b?c#d", "家长", "%2e%2e"):
            assert await backend.applications_of(guardian, "qingdao") == []
    assert [request.split(b" ")[1] for request in server.requests] == [
        b"/api/g/%2E%2E%2F%2E%2E/qingdao/cases",
        b"/api/g/a%2Fb%3Fc%23d/qingdao/cases",
        b"/api/g/%E5%AE%B6%E9%95%BF/qingdao/cases",
        b"/api/g/%252e%252e/qingdao/cases",
    ]


def test_what_is_sent_shows_nothing_of_a_case_in_its_repr() -> None:
    assert "cq-zhang" not in repr(fill_in(load_mapping().applications, guardian="cq-zhang", city="chongqing"))
