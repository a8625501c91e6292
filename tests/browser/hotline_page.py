"""A hotline agent at the page `/hotline`, in a real browser against the running service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from desk_running import Service
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CALLS = "/api/v1/calls"
WATCH = """
window.seen = { shift: 0, typed: 0, delay: 0 };
new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.seen.shift += one.value; }))
  .observe({ type: 'layout-shift', buffered: true });
document.addEventListener('input', () => Object.assign(window.seen, { typed: performance.now(), delay: 0 }), true);
document.addEventListener('DOMContentLoaded', () => {
  const nearest = document.querySelector('.js-nearest');
  const painted = () => { window.seen.delay = performance.now() - window.seen.typed; };
  new MutationObserver(() => nearest.matches('[aria-busy=false]') && requestAnimationFrame(() => setTimeout(painted)))
    .observe(nearest, { attributeFilter: ['aria-busy'] });
});
"""
"""Watches the page: sum of layout shifts, and how long after the last input its suggestions were painted, in ms."""
WATCH_WORDS = """() => {
  window.said = [];
  const live = document.querySelector('.js-announce');
  new MutationObserver(() => window.said.push(live.textContent))
    .observe(live, { childList: true, characterData: true, subtree: true });
}"""


@dataclass
class Agents:
    """Opens pages of one agent; a page that logs an error fails the test."""

    browser: Browser
    service: Service
    token: str
    contexts: list[BrowserContext] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, *, width: int = 1366, height: int = 768, may_log: str = "\0", **options: Any) -> Page:
        """Open the page as a browser of its own."""
        context = self.browser.new_context(
            base_url=self.service.base,
            viewport={"width": width, "height": height},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            extra_http_headers={"Authorization": f"Bearer {self.token}"},
            **options,
        )
        context.add_init_script(WATCH)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._note(line, may_log))
        page.goto("/hotline")
        page.wait_for_function("document.activeElement.matches('.js-question')")
        return page

    def _note(self, line: ConsoleMessage, expected: str) -> None:
        if line.type == "error" and expected not in line.text:
            self.errors.append(line.text)

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Call the API as the same agent."""
        headers = {"Authorization": f"Bearer {self.token}"}
        address = f"{self.service.base}{path}"
        response = httpx.request(method, address, headers=headers, json=body or None, trust_env=False)
        assert response.is_success, response.text
        return response.json()

    def open_call(self) -> dict[str, Any] | None:
        """Return the agent's open call."""
        call: dict[str, Any] | None = self.api("GET", f"{CALLS}/open")["call"]
        return call

    def last_call(self) -> dict[str, Any]:
        """Return the call that began last today."""
        call: dict[str, Any] = self.api("GET", CALLS)["calls"][0]
        return call

    def ticket_of(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the ticket that a call became."""
        listed = self.api("GET", f"/api/v1/tickets?number={call['ticket']}")["tickets"]
        ticket: dict[str, Any] = self.api("GET", f"/api/v1/tickets/{listed[0]['id']}")
        return ticket

    def close(self) -> None:
        """Close all browsers and the call that is open."""
        for context in self.contexts:
            with suppress(Exception):  # one that a test has crashed is closed already
                context.close()
        left = self.open_call()
        if left:
            self.api("POST", f"{CALLS}/{left['id']}/end", result="dropped")


@contextmanager
def at_the_desk(agents: Agents) -> Iterator[Agents]:
    """Close the agent's pages at the end; none may have logged an error."""
    yield agents
    agents.close()
    assert agents.errors == []


def first_is(page: Page, entry_id: str) -> None:
    """Wait until that entry stands first for all that was typed."""
    page.wait_for_selector(f".js-nearest[aria-busy=false] #near-1[data-entry='{entry_id}']:not([hidden])")


def eventually(check: Callable[[], Any], seconds: float = 5) -> Any:
    """Return what `check` returns once it is true."""
    ends = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.05)
    return found


def typed_in_steps(page: Page, steps: list[str], delay: float = 45) -> Iterator[str]:
    """Type as an agent does: each step is text or the name of a key in angle brackets."""
    for step in steps:
        if step.startswith("<"):
            page.keyboard.press(step.strip("<>"))
        else:
            page.keyboard.type(step, delay=delay)
        yield step
