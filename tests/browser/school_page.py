"""Teachers at the page `/school`, in real browsers with sessions of their own, against the running service."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from desk_running import Service
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from channels.staff.cookies import SESSION
from conversations.news import NewsStore
from conversations.reply import TicketMessage
from conversations.storage import open_engine
from core import clock
from escalation.cards import card_of_ticket
from escalation.desk import Draft, TicketDesk
from escalation.listing import Reach
from escalation.routing import own_rules
from escalation.rules import Act, Actor, Command, Place, Ticket
from staff.accounts import NewStaff, StaffStore
from staff.roles import Role, Staff, StaffScope
from staff.sessions import StaffSessions

DISTRICT = "渝北区"
QUESTION = "孩子的房产证照片传不上去，已经试了三次，请老师帮忙看看。"
_numbers = itertools.count(1)


@dataclass
class Team:
    """The people of one school, which no other test uses; a page that logs an error fails the test."""

    browser: Browser
    service: Service
    school: str = field(default_factory=lambda: f"试验小学{secrets.token_hex(4)}")
    contexts: list[BrowserContext] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = open_engine(self.service.settings.database)
        self.desk = TicketDesk(self.engine, own_rules())

    @property
    def scope(self) -> str:
        return f"chongqing/{DISTRICT}/{self.school}"

    def hire(self, name: str, role: Role = "school", scope: str | None = None) -> Staff:
        """Add an account."""
        where = StaffScope.parse(self.scope if scope is None else scope)
        login = f"{role}-{secrets.token_hex(5)}"
        return StaffStore(self.engine, self.service.settings).add(NewStaff(login, name, role, where, None))

    def open(
        self,
        who: Staff,
        path: str = "/school",
        *,
        size: tuple[int, int] = (1366, 768),
        may_log: str = "\0",
        **more: Any,
    ) -> Page:
        """Open the page as a browser of its own, signed in."""
        context = self.browser.new_context(
            base_url=self.service.base,
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            **more,
        )
        self.contexts.append(context)
        self.sign_in(context, who)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._note(line, may_log))
        page.goto(path)
        page.wait_for_selector(".js-count:not(:empty)")
        page.wait_for_selector(".js-live[data-state=on]")
        return page

    def phone(self, path: str, kept: Any = None) -> Page:
        """Open a parent's page as a browser that has what an earlier one has stored: its `storage_state`."""
        context = self.browser.new_context(
            base_url=self.service.base,
            viewport={"width": 360, "height": 740},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            storage_state=kept,
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(path)
        return page

    def sign_in(self, context: BrowserContext, who: Staff) -> None:
        """Give a browser a new session."""
        session = StaffSessions(self.engine, self.service.settings).open(who)
        where = {"domain": "127.0.0.1", "path": "/", "secure": True, "httpOnly": True, "sameSite": "Lax"}
        context.add_cookies([{"name": SESSION, "value": session, **where}])  # type: ignore[list-item]

    def _note(self, line: ConsoleMessage, expected: str) -> None:
        if line.type == "error" and expected not in line.text:
            self.errors.append(line.text)

    def make(self, question: str = QUESTION, **more: Any) -> Ticket:
        """Make a ticket of the school, as the chat does: one of a conversation leaves its card there."""
        place = more.pop("place", Place("chongqing", DISTRICT, self.school))
        draft = Draft(f"{self.school}-{next(_numbers)}", place, question, **more)
        by = Actor(f"parent:{draft.conversation_id or self.school}", "家长", "parent")
        ticket, _ = self.desk.create(draft, by)
        if draft.conversation_id:
            card = TicketMessage(ticket=card_of_ticket(ticket, self.desk.book.levels))
            news = NewsStore(self.engine)
            assert news.announce(draft.conversation_id, f"made:{ticket.id}", [card], clock.now())
        return ticket

    def give(self, ticket: Ticket, act: Act, by: Staff, **more: Any) -> Ticket:
        """Give a command as somebody whose page is not under test."""
        command = Command(act, self.now(ticket).version, **more)
        return self.desk.act(ticket.id, command, Actor(by.id, by.name, by.role), Reach()).ticket  # type: ignore[arg-type]

    def now(self, ticket: Ticket) -> Ticket:
        """Return the ticket as it is now."""
        return self.desk.find(ticket.id, Reach())

    def close(self) -> None:
        """Close all browsers."""
        for context in self.contexts:
            context.close()
        self.engine.dispose()


def open_ticket(page: Page, ticket: Ticket) -> None:
    """Open a ticket from the list."""
    page.click(f".row[data-id='{ticket.id}']")
    expect(page.locator(".js-number")).to_have_text(ticket.number)


def act(page: Page, name: str, text: str = "", **fields: str) -> None:
    """Press a command's button, fill its form, and send it."""
    page.click(f".js-act[data-act={name}]")
    form = page.locator(f"#form-{name}")
    if form.count():
        if text:
            form.locator("textarea").fill(text)
        for key, value in fields.items():
            field_of = form.locator(f"[name={key}]")
            if field_of.evaluate("node => node.matches('select')"):
                field_of.select_option(value)
            else:
                field_of.fill(value)
        form.locator("[type=submit]").click()


@contextmanager
def at_work(team: Team) -> Iterator[Team]:
    """Close the team's pages at the end; none may have logged an error."""
    yield team
    team.close()
    assert team.errors == []
