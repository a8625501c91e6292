"""The service-time report's page, for those who see little or have a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from cli.main import app
from conversations.migrate import migrate
from conversations.storage import open_engine
from core.settings import settings
from tests.browser.test_browser_accessibility import violations
from tests.cli.conftest import own_settings  # noqa: F401
from tests.escalation.ticket_days import three_days

pytestmark = pytest.mark.browser


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, own_settings: None, tmp_path: Path) -> Path:  # noqa: F811
    engine = open_engine(settings().database)
    migrate(engine)
    three_days(engine, monkeypatch)
    engine.dispose()
    path = tmp_path / "report.html"
    days = ("--from", "2026-07-01", "--to", "2026-07-03")
    assert CliRunner().invoke(app, ["tickets", "report", *days, "--html", str(path)]).exit_code == 0
    return path


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest, report: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    opened = context.new_page()
    opened.goto(report.as_uri())
    yield opened
    context.close()


def test_axe_finds_nothing_and_the_page_is_not_wider_than_the_screen(page: Page) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_bars_are_as_long_as_their_figures(page: Page) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    chart = page.locator("figure").nth(1)
    median, ninth = (chart.locator(".bar").first.locator("b").nth(n).bounding_box() for n in (0, 1))
    assert median
    assert ninth
    assert median["width"] / ninth["width"] == pytest.approx(5.5 / 7.5, abs=0.01)
