"""Staff sign in at a real OpenID Connect provider; whatever is not its answer to this browser's question is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from desk_running import Service, running_app
from fastapi import Request
from oidc_running import CLIENT, RunningProvider, app_beside_provider, running_provider
from staff_browser import SESSION, StaffBrowser
from staff_made import small_settings

from channels.staff.oidc import OidcUnavailableError, Provider
from conversations.storage import open_engine
from staff.accounts import NewStaff, StaffStore
from staff.roles import Staff, StaffScope

pytestmark = pytest.mark.system
OIDC = "__Host-helpdesk-oidc"
Beside = tuple[Service, RunningProvider]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """Give the service beside its provider, with an account for the subject `known`."""
    named = {"HELPDESK_OIDC_NAME": "市教育局门户"}
    with app_beside_provider(tmp_path_factory.mktemp("oidc"), **named) as (service, provider):
        account(service, provider, "known")
        yield service, provider


@pytest.fixture
def browser(beside: Beside) -> Iterator[StaffBrowser]:
    with closing(StaffBrowser(beside[0].base)) as opened:
        yield opened
    beside[1].spoil("")


def account(service: Service, provider: RunningProvider, subject: str, login: str = "") -> Staff:
    engine = open_engine(service.settings.database)
    at = {"issuer": provider.issuer, "subject": subject}
    new = NewStaff(login or f"oidc.{subject}", f"某{subject}", "district", StaffScope("chongqing", "渝北区"), **at)
    staff = StaffStore(engine, service.settings).add(new)
    engine.dispose()
    return staff


def set_out(browser: StaffBrowser, wanted: str = "") -> str:
    """Press the provider's button; return the address that the browser is sent to."""
    response = browser.call("GET", "/staff/oidc/start", params={"next": wanted} if wanted else {})
    assert response.status_code == 302, response.text
    return str(response.headers["location"])


def come_back(browser: StaffBrowser, address: str) -> httpx.Response:
    """Follow the provider's redirect, which comes from another site."""
    parts = urlsplit(address)
    from_there = {"Origin": "", "Sec-Fetch-Site": "cross-site"}
    return browser.call("GET", f"{parts.path}?{parts.query}", headers=from_there)


def changed(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in query.items() if value})))


def refused(browser: StaffBrowser, response: httpx.Response) -> bool:
    """Whether nobody was signed in, and the page says so."""
    assert response.status_code == 401, response.status_code
    assert "统一登录没有完成，请重新登录。" in response.text
    assert (SESSION in browser.cookies, OIDC in browser.cookies) == (False, False)
    return True


def test_who_is_known_signs_in_and_goes_where_they_wanted(beside: Beside, browser: StaffBrowser) -> None:
    assert "用市教育局门户登录" in browser.call("GET", "/staff/sign-in").text
    address = set_out(browser, "/staff?from=here")
    asked = parse_qs(urlsplit(address).query)
    assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == (["code"], ["openid"], ["S256"])
    assert all(len(asked[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))
    cookie = browser.set_cookies[OIDC]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, True, "lax", "600")
    done = come_back(browser, beside[1].log_in(address, "known"))
    assert (done.status_code, done.headers["location"]) == (303, "/staff?from=here")
    assert OIDC not in browser.cookies
    me = browser.me()
    assert (me["name"], me["role"], me["scope"]) == ("某known", "district", "chongqing/渝北区")


def test_who_is_not_known_here_is_told_what_to_tell_the_administrator(beside: Beside, browser: StaffBrowser) -> None:
    response = come_back(browser, beside[1].log_in(set_out(browser), "stranger<b>"))
    assert response.status_code == 403
    assert "您在这里还没有账号" in response.text
    assert "stranger&lt;b&gt;" in response.text
    assert SESSION not in browser.cookies


def test_a_disabled_account_is_not_known_any_more(beside: Beside, browser: StaffBrowser) -> None:
    service, provider = beside
    account(service, provider, "closed")
    engine = open_engine(service.settings.database)
    StaffStore(engine, service.settings).disable("oidc.closed")
    engine.dispose()
    assert come_back(browser, provider.log_in(set_out(browser), "closed")).status_code == 403
    assert SESSION not in browser.cookies


def test_an_account_without_a_password_opens_to_none(beside: Beside, browser: StaffBrowser) -> None:
    assert browser.sign_in("oidc.known", "").status_code == 401
    assert browser.sign_in("oidc.known", "nobody has this password").status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another"},
        {"state": ""},
        {"code": "another"},
        {"code": ""},
        {"iss": "https://evil.example"},
        {"error": "access_denied"},
    ],
    ids=str,
)
def test_an_answer_with_another_state_code_or_issuer_is_refused(
    beside: Beside, browser: StaffBrowser, change: dict[str, str]
) -> None:
    address = changed(beside[1].log_in(set_out(browser), "known"), **change)
    assert refused(browser, come_back(browser, address))


def test_an_answer_is_refused_in_a_browser_that_did_not_ask(beside: Beside, browser: StaffBrowser) -> None:
    address = beside[1].log_in(set_out(browser), "known")
    with closing(StaffBrowser(beside[0].base)) as other:
        assert refused(other, come_back(other, address))
        set_out(other)
        assert refused(other, come_back(other, address))


@pytest.mark.parametrize("cookie", ["", "x", "e30=", "W10=", "bnVsbA==", "ÿ"])
def test_a_damaged_cookie_is_refused(beside: Beside, browser: StaffBrowser, cookie: str) -> None:
    address = beside[1].log_in(set_out(browser), "known")
    parts = urlsplit(address)
    headers = [(b"Cookie", OIDC.encode() + b"=" + cookie.encode("latin-1"))]
    response = httpx.get(f"{beside[0].base}{parts.path}?{parts.query}", headers=headers, trust_env=False)
    assert response.status_code == 401


def test_a_code_serves_once(beside: Beside, browser: StaffBrowser) -> None:
    start = set_out(browser)
    kept = browser.cookies[OIDC]
    address = beside[1].log_in(start, "known")
    assert come_back(browser, address).status_code == 303
    with closing(StaffBrowser(beside[0].base)) as thief:
        thief.cookies[OIDC] = kept
        assert refused(thief, come_back(thief, address))


def test_an_answer_to_a_question_with_another_nonce_is_refused(beside: Beside, browser: StaffBrowser) -> None:
    start = changed(set_out(browser), nonce="chosen-by-somebody-else")
    assert refused(browser, come_back(browser, beside[1].log_in(start, "known")))


def test_a_code_asked_for_with_another_challenge_is_refused(beside: Beside, browser: StaffBrowser) -> None:
    start = changed(set_out(browser), code_challenge="x" * 43)
    assert refused(browser, come_back(browser, beside[1].log_in(start, "known")))


def test_a_code_that_another_client_got_is_refused(beside: Beside, browser: StaffBrowser) -> None:
    start = changed(set_out(browser), client_id="another")
    assert refused(browser, come_back(browser, beside[1].log_in(start, "known")))


@pytest.mark.parametrize("part", ["iss", "aud", "nonce", "no nonce", "no sub", "exp", "key", "alg", "none", "no token"])
def test_a_token_that_is_not_as_it_must_be_is_refused(beside: Beside, browser: StaffBrowser, part: str) -> None:
    start = set_out(browser)
    address = beside[1].log_in(start, "known")
    beside[1].spoil(part)
    assert refused(browser, come_back(browser, address))


def test_the_same_token_signed_anew_is_accepted(beside: Beside, browser: StaffBrowser) -> None:
    address = beside[1].log_in(set_out(browser), "known")
    beside[1].spoil("same")
    assert come_back(browser, address).status_code == 303


def test_a_next_that_leads_elsewhere_is_not_followed_also_from_a_changed_cookie(
    beside: Beside, browser: StaffBrowser
) -> None:
    address = beside[1].log_in(set_out(browser, "//evil.example"), "known")
    kept = json.loads(base64.urlsafe_b64decode(browser.cookies[OIDC]))
    assert kept["next"] == ""
    kept["next"] = "https://evil.example/"
    browser.cookies[OIDC] = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()
    assert come_back(browser, address).headers["location"] == "/school"


def test_what_happened_is_counted_and_nobody_is_named_in_the_log(beside: Beside, browser: StaffBrowser) -> None:
    address = beside[1].log_in(set_out(browser), "known")
    come_back(browser, changed(address, state="another"))
    come_back(browser, beside[1].log_in(set_out(browser), "stranger"))
    counts = httpx.get(f"{beside[0].base}/metrics", trust_env=False).text
    for outcome in ("oidc_refused", "oidc_unknown"):
        assert f'helpdesk_staff_sign_ins_total{{outcome="{outcome}"}} 0.0' not in counts
    log = (beside[0].folder / "app.log").read_text(encoding="utf-8")
    assert "a sign-in at the identity provider was refused: MismatchingStateError" in log
    code = parse_qs(urlsplit(address).query)["code"][0]
    assert [word for word in ("stranger", "某known", code, "a-secret-of-this-test") if word in log] == []


def test_a_wrong_client_secret_signs_nobody_in(tmp_path: Path) -> None:
    wrong = {"HELPDESK_OIDC_CLIENT_SECRET": "another"}
    with app_beside_provider(tmp_path, **wrong) as (service, provider), closing(StaffBrowser(service.base)) as browser:
        account(service, provider, "known")
        assert refused(browser, come_back(browser, provider.log_in(set_out(browser), "known")))


def test_a_provider_that_is_away_or_names_itself_otherwise_says_so_and_others_go_on(tmp_path: Path) -> None:
    with app_beside_provider(tmp_path) as (_, provider):
        for number, issuer in enumerate(("http://127.0.0.1:1", provider.issuer.replace("127.0.0.1", "localhost"))):
            folder = tmp_path / str(number)
            folder.mkdir()
            settings = {"HELPDESK_OIDC_ISSUER": issuer, **CLIENT}
            with running_app(folder, **settings) as service, closing(StaffBrowser(service.base)) as browser:
                response = browser.call("GET", "/staff/oidc/start")
                assert response.status_code == 503
                assert "统一登录暂时连不上" in response.text
                assert browser.sign_in_as_invented("admin").status_code == 303


def test_what_the_provider_says_of_itself_is_asked_anew_after_some_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "server": ("127.0.0.1", 80), "scheme": "http"}

    def leaves() -> bool:
        return "code_challenge=" in asyncio.run(known.leave(Request(scope), "")).headers["location"]

    with running_provider("http://127.0.0.1/staff/oidc/callback", tmp_path) as provider:
        client = {"oidc_client_id": "helpdesk", "oidc_client_secret": "a-secret-of-this-test"}
        known = Provider(small_settings(oidc_issuer=provider.issuer, **client))
        assert leaves()
    assert leaves(), "for some minutes it is remembered"
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(OidcUnavailableError):
        leaves()


def test_without_settings_there_is_no_provider(desk: Service) -> None:
    with closing(StaffBrowser(desk.base)) as browser:
        assert browser.call("GET", "/staff/oidc/start").status_code == 404
        assert browser.call("GET", "/staff/oidc/callback").status_code == 404
        assert "/staff/oidc" not in browser.call("GET", "/staff/sign-in").text
