"""The desk of the school teams, on SQL: one function, one transaction; messages, events and outbox are kept together.

All functions block; coroutines call them through `ConversationStore.call`. Texts are masked here, before they are kept.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError
from stdnum import luhn

from conversations import said
from conversations.reply import FileMessage
from core import clock
from core.errors import ConflictError, IllegalTransitionError, NotFoundError, VersionConflictError
from core.privacy import mask_personal_data
from escalation import attachments, outbox
from escalation.attachments import ATTACHMENTS, Attachment, NewFile
from escalation.incident_desk import IncidentDesk
from escalation.incidents import (
    INCIDENTS,
    LINKS,
    TEXTS,
    Incident,
    Matter,
    incident_of_ticket,
    nearest,
    open_incidents,
    unlinked,
)
from escalation.listing import Filter, Page, Reach, page_of
from escalation.routing import Need, RuleBook
from escalation.rows import EVENTS, MESSAGES, TICKETS, columns_of, event_of, message_of, ticket_of
from escalation.rules import (
    REOPEN_WITHIN,
    SYSTEM,
    Actor,
    Command,
    Event,
    Message,
    Moved,
    Place,
    Ticket,
    Urgency,
    move,
)

_TRIES = 5
_BATCH = 100
_TOLD_AT_ONCE = 10
"""Tickets that are told of incidents in one call, which the embedded database's event loop waits for."""
WITH_FILES: dict[str, bool] = {"reply": True, "ask_parent": True, "note": False}
"""Commands that may bring files, and whether the parent sees these."""
_NONE_SUCH = "没有这张工单。"
_SETTLED = "工单已办结，不能再加文件。如果没有解决，请先让工单重新打开。"


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket that somebody wants made.

    Args:
        key: made by the client; the same creator's second draft with it is the first one again.
        question: what the parent needs, in words.
        entry, branch, topic: the official answer that was not enough, as far as known.
        closes_at: when the family's batch closes, if that is known of the case.
        application_id: the signed-in guardian's application that it is about, never one that was typed.
    """

    key: str
    place: Place
    question: str
    entry: str | None = None
    branch: str | None = None
    topic: str = "other"
    urgency: Urgency = "normal"
    closes_at: datetime | None = None
    conversation_id: str | None = None
    call_id: str | None = None
    application_id: str | None = None


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket with all that was said and done, oldest first, what the rules tell who works on it, and its incident."""

    ticket: Ticket
    messages: tuple[Message, ...]
    events: tuple[Event, ...]
    guidance: str
    incident: Incident | None = None
    attachments: tuple[Attachment, ...] = ()


class StaleTicketError(VersionConflictError):
    """Somebody else changed the ticket first: `file` is what it is now; `seen` the version that the caller had."""

    def __init__(self, file: TicketFile, seen: int) -> None:
        super().__init__("工单刚被他人更新，请核对后再操作。")
        self.file, self.seen = file, seen


class TicketDesk:
    """Tickets: made, routed, worked on.

    Args:
        engine: the migrated database.
        book: the rules.

    Attributes:
        incidents: failures that many tickets report.
    """

    def __init__(self, engine: Engine, book: RuleBook) -> None:
        self._engine, self.book = engine, book
        self.incidents = IncidentDesk(engine, book.routing.incidents)

    def create(self, draft: Draft, by: Actor) -> tuple[Ticket, bool]:
        """Make a ticket and send it where the rules say; return it, and whether it is new.

        Raises:
            NotFoundError: the draft's conversation is not there (any more).
        """
        for _ in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    return self._made(connection, draft, by), True
            except IntegrityError:
                if known := self.made_with(draft.key, by):
                    return known, False
        raise NotFoundError("找不到这次咨询，请重新开始。")

    def read(self, ticket_id: str, reach: Reach) -> TicketFile:
        """Return a ticket with its course.

        Raises:
            NotFoundError: there is none, or not for this reader.
        """
        with self._engine.connect() as connection:
            return self._file(connection, self._found(connection, ticket_id, reach))

    def find(self, ticket_id: str, reach: Reach) -> Ticket:
        """Return a ticket without its course.

        Raises:
            NotFoundError: there is none, or not for this reader.
        """
        with self._engine.connect() as connection:
            return self._found(connection, ticket_id, reach)

    def reaches_conversation(self, conversation_id: str, reach: Reach) -> bool:
        """Whether a ticket of the reach belongs to the conversation."""
        mine = select(TICKETS.c.id).where(TICKETS.c.conversation_id == conversation_id, *reach.where()).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(mine).one_or_none() is not None

    def listed(self, wanted: Filter, reach: Reach, now: datetime) -> Page:
        """Return one page of the tickets that the reader may see: those to answer first come first."""
        with self._engine.connect() as connection:
            return page_of(connection, wanted, reach, now)

    def of_conversation(self, conversation_id: str) -> Ticket | None:
        """Return the conversation's newest ticket, or None."""
        mine = select(TICKETS).where(TICKETS.c.conversation_id == conversation_id)
        with self._engine.connect() as connection:
            row = connection.execute(mine.order_by(TICKETS.c.created_at.desc(), TICKETS.c.id).limit(1)).one_or_none()
        return ticket_of(row) if row else None

    def made_with(self, key: str, by: Actor) -> Ticket | None:
        """Return the ticket that somebody has made with a draft's key, or None."""
        mine = select(TICKETS).where(TICKETS.c.created_by == by.id, TICKETS.c.client_key == key)
        with self._engine.connect() as connection:
            row = connection.execute(mine).one_or_none()
        return ticket_of(row) if row else None

    def numbers_of(self, keys: Sequence[str], by: Actor) -> dict[str, str]:
        """Return the numbers of the tickets that somebody has made with drafts' keys, by key."""
        mine = select(TICKETS.c.client_key, TICKETS.c.number).where(TICKETS.c.created_by == by.id)
        with self._engine.connect() as connection:
            rows = connection.execute(mine.where(TICKETS.c.client_key.in_(keys))).all() if keys else []
        return {row.client_key: row.number for row in rows}

    def unsettled(self, conversation_id: str) -> Ticket | None:
        """Return the conversation's newest ticket that is not settled, or None."""
        mine = (TICKETS.c.conversation_id == conversation_id) & TICKETS.c.settled_at.is_(None)
        newest = select(TICKETS).where(mine).order_by(TICKETS.c.created_at.desc(), TICKETS.c.id).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(newest).one_or_none()
        return ticket_of(row) if row else None

    def awaiting(self, conversation_id: str) -> Ticket | None:
        """Return the conversation's ticket in which the parent was asked or answered last, or None."""
        theirs = (TICKETS.c.conversation_id == conversation_id) & TICKETS.c.state.in_(("waiting_parent", "replied"))
        latest = select(TICKETS).where(theirs).order_by(TICKETS.c.updated_at.desc(), TICKETS.c.id).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(latest).one_or_none()
        return ticket_of(row) if row else None

    def act(self, ticket_id: str, command: Command, by: Actor, reach: Reach, files: Sequence[str] = ()) -> TicketFile:
        """Give a command to the version that the caller saw; return the ticket as it is then.

        Args:
            ticket_id: whose.
            command: what is wanted.
            by: who wants it.
            reach: what they may see.
            files: ids of files of theirs that wait for this step, one of `WITH_FILES`.

        Raises:
            NotFoundError: there is no such ticket or file, or not for this caller.
            StaleTicketError: somebody else was first; nothing was changed.
            IllegalTransitionError: the rules don't allow it.
            ConflictError: with its files the ticket would have more than ten.
        """
        try:
            with self._engine.begin() as connection:
                self._found(connection, ticket_id, reach)
                ticket = self._held(connection, ticket_id)
                if command.version != ticket.version:
                    raise _OvertakenError  # before its files are missed, which the first try may have taken along
                names = attachments.names_of_waiting(connection, ticket_id, files, by) if files else ()
                if not command.text.strip():
                    command = replace(command, text="\n".join(names))
                moved = self._moved(connection, ticket, command, by, clock.now())
                if command.name in WITH_FILES:
                    shown = WITH_FILES[command.name]
                    attachments.bind(connection, ticket_id, files, by, version=moved.version, to_parent=shown)
                return self._file(connection, moved)
        except _OvertakenError as error:
            raise StaleTicketError(self.read(ticket_id, reach), command.version) from error

    def hear_parent(self, ticket_id: str, text: str, parent: Actor) -> Ticket:
        """Keep what the parent adds, whatever version it meets; a settled ticket is reopened by it.

        Raises:
            NotFoundError: there is no such ticket.
            IllegalTransitionError: it was settled more than seven days ago, or there are no words.
        """
        with self._engine.begin() as connection:
            ticket = self._held(connection, ticket_id)
            why = self.book.levels.reasons["reopened"] if ticket.settled_at else ""
            command = Command("reopen" if ticket.settled_at else "add", ticket.version, text=text, why=why)
            return self._moved(connection, ticket, command, parent, clock.now())

    def supplement(self, ticket_id: str, parts: Sequence[str], by: Actor) -> Ticket:
        """Add as one note those parts that no message of the ticket says yet, whatever version it meets.

        Raises:
            NotFoundError: there is no such ticket.
            IllegalTransitionError: the rules don't allow a note of theirs.
        """
        with self._engine.begin() as connection:
            ticket = self._held(connection, ticket_id)
            texts = connection.execute(select(MESSAGES.c.text).where(MESSAGES.c.ticket_id == ticket_id)).scalars()
            said = "\n".join(texts)
            news = "\n".join(part for part in parts if mask_personal_data(part) not in said)
            if not news:
                return ticket
            return self._moved(connection, ticket, Command("note", ticket.version, text=news), by, clock.now())

    def open_to_files(self, conversation_id: str, ticket_id: str | None = None) -> Ticket:
        """Return the conversation's ticket that its parent may add files to now: the named one, else the newest.

        Raises:
            NotFoundError: the conversation has no ticket, or not that one.
            ConflictError: its ticket is settled.
        """
        newest = self.unsettled(conversation_id) or self.of_conversation(conversation_id)
        if newest is None:
            raise NotFoundError("这次咨询还没有工单，请先转给工作人员。")
        ticket = self.find(ticket_id, Reach()) if ticket_id else newest
        if ticket.conversation_id != conversation_id:
            raise NotFoundError(_NONE_SUCH)
        if ticket.settled_at:
            raise ConflictError(_SETTLED)
        return ticket

    def attach_of_parent(
        self, conversation_id: str, new: NewFile, parent: Actor, *, ticket_id: str | None = None, key: str | None = None
    ) -> tuple[Ticket, str]:
        """Keep a file of the parent with the step that tells of it, and say so in the conversation.

        Args:
            conversation_id: whose parent sends it.
            new: the file.
            parent: the conversation's parent.
            ticket_id: one of the conversation's tickets; None: the newest that is not settled.
            key: made by the client; the ticket's second file with it is the first one again.

        Returns:
            The ticket, and the file's id.

        Raises:
            NotFoundError: the conversation has no ticket, or not that one.
            ConflictError: its ticket is settled, or has ten files.
        """
        known = self.open_to_files(conversation_id, ticket_id)
        id_ = attachments.id_of(known.id, parent, key)
        with self._engine.begin() as connection:
            said.hold(connection, conversation_id)
            ticket = self._held(connection, known.id)
            if attachments.is_kept(connection, id_):
                return ticket, id_
            if ticket.settled_at:
                raise ConflictError(_SETTLED)
            command = Command("add", ticket.version, text=new.step)
            moved = self._attached(connection, ticket, command, parent, new, id_=id_)
            told = FileMessage(ticket_id=ticket.id, number=ticket.number, file=attachments.card_of(id_, new))
            said.say_aside(connection, conversation_id, "parent", told, at=moved.updated_at)
            return moved, id_

    def attach(
        self, ticket_id: str, new: NewFile, to_parent: bool, by: Actor, reach: Reach, *, key: str | None = None
    ) -> str:
        """Keep a file of staff, whatever version it meets: as a reply to the parent or as a note; return its id.

        The same person's second file with a `key` of theirs is the first one again.

        Raises:
            NotFoundError: there is no such ticket, or not for this caller.
            IllegalTransitionError: the rules don't allow the reply or note.
            ConflictError: the ticket has ten files already.
        """
        with self._engine.begin() as connection:
            self._found(connection, ticket_id, reach)
            ticket = self._held(connection, ticket_id)
            id_ = attachments.id_of(ticket_id, by, key)
            if not attachments.is_kept(connection, id_):
                command = Command("reply" if to_parent else "note", ticket.version, text=new.step)
                self._attached(connection, ticket, command, by, new, id_=id_)
            return id_

    def attach_waiting(self, ticket_id: str, new: NewFile, by: Actor, reach: Reach, *, key: str | None = None) -> str:
        """Keep a file of staff for a reply or note of theirs, which `act` will name; return its id.

        Raises:
            NotFoundError: there is no such ticket, or not for this caller.
            ConflictError: the ticket has ten files already, with those of the caller's that wait.
        """
        with self._engine.begin() as connection:
            self._found(connection, ticket_id, reach)
            self._held(connection, ticket_id)
            id_ = attachments.id_of(ticket_id, by, key)
            if not attachments.is_kept(connection, id_):
                attachments.put(connection, ticket_id, id_, new, by, at=clock.now(), version=None, to_parent=False)
            return id_

    def attachment(self, ticket_id: str, attachment_id: str, reach: Reach) -> tuple[Ticket, Attachment, bytes]:
        """Return a file of a ticket with its bytes.

        Raises:
            NotFoundError: there is no such file, or not for this reader.
        """
        with self._engine.connect() as connection:
            ticket = self._found(connection, ticket_id, reach)
            mine = ATTACHMENTS.c.ticket_id == ticket.id
            return ticket, *attachments.find(connection, attachment_id, mine)

    def attachment_of_parent(self, conversation_id: str, attachment_id: str) -> tuple[Attachment, bytes]:
        """Return a file of one of the conversation's tickets that its parent may see, with its bytes.

        Raises:
            NotFoundError: there is no such file, or it is for staff only.
        """
        own = select(TICKETS.c.id).where(TICKETS.c.conversation_id == conversation_id)
        mine = (ATTACHMENTS.c.ticket_id.in_(own), ATTACHMENTS.c.to_parent.is_(True))
        with self._engine.connect() as connection:
            return attachments.find(connection, attachment_id, *mine)

    def hear_solved(self, ticket_id: str, parent: Actor) -> Ticket:
        """Note that the parent calls an answered ticket solved, whatever version it meets; a settled one stays so.

        Raises:
            NotFoundError: there is no such ticket.
            IllegalTransitionError: it is not answered yet.
        """
        with self._engine.begin() as connection:
            ticket = self._held(connection, ticket_id)
            if ticket.settled_at:
                return ticket
            return self._moved(connection, ticket, Command("resolve", ticket.version), parent, clock.now())

    def climb_due(self, now: datetime) -> int:
        """Do what time alone brings: climb, free what those who are away hold, close; return how many tickets moved."""
        reasons = self.book.levels.reasons
        climbing = (TICKETS.c.state == "assigned") & (TICKETS.c.climb_at <= now)
        away = self.book.calendar.staff_away(now)
        settled = (TICKETS.c.state == "resolved") & (TICKETS.c.settled_at <= now - REOPEN_WITHIN)
        steps = (
            (climbing, "climb", reasons["climbed"]),
            (TICKETS.c.holder.in_(away), "release", reasons["freed"]),
            (settled, "close", reasons["closed"]),
        )
        return sum(self._move_all(where, name, why, now) for where, name, why in steps)

    def drop_forgotten_files(self, now: datetime) -> int:
        """Drop files whose step never came; return how many."""
        with self._engine.begin() as connection:
            return attachments.drop_forgotten(connection, now)

    def tell_incidents(self, now: datetime) -> int:
        """Link the tickets that open incidents cover, and tell linked ones each text of theirs once, in its order.

        Works in small batches of one transaction each ticket; what is left, or was cut off, the next call goes on
        with. Also brings `incidents.open_now` up to date. Returns how many steps it took; 0: nothing is left.
        """
        self.incidents.refresh()
        linked = sum(self._link_covered(incident) for incident in self.incidents.open_now)
        behind = select(LINKS.c.ticket_id).join(INCIDENTS, INCIDENTS.c.id == LINKS.c.incident_id)
        behind = behind.where(LINKS.c.told < INCIDENTS.c.version).order_by(LINKS.c.ticket_id).limit(_TOLD_AT_ONCE)
        with self._engine.connect() as connection:
            ids = connection.execute(behind).scalars().all()
        return linked + sum(self._tell_next(ticket_id, now) for ticket_id in ids)

    def _link_covered(self, incident: Incident) -> int:
        linked, some = 0, select(TICKETS.c.id).where(unlinked(incident)).limit(_TOLD_AT_ONCE)
        with self._engine.connect() as connection:
            ids = connection.execute(some).scalars().all()
        for ticket_id in ids:
            link = {"ticket_id": ticket_id, "incident_id": incident.id, "told": 0}
            try:
                with self._engine.begin() as connection:
                    ticket = self._held(connection, ticket_id)
                    known = open_incidents(connection, INCIDENTS.c.since <= ticket.created_at)
                    best = nearest(known, matter_of(ticket))
                    if best and best.id == incident.id:  # else it is closed by now, or a nearer one takes the ticket
                        connection.execute(insert(LINKS), {**link, "told": best.version - 1})
                        linked += 1
            except (IntegrityError, NotFoundError):
                continue  # another process has linked it, or it was erased in this moment
        return linked

    def _tell_next(self, ticket_id: str, now: datetime) -> bool:
        """Tell a ticket the next text of its incident; return whether there was a step to take.

        A settled ticket is passed over: should it be reopened, it is told what comes then.
        """
        mine = LINKS.c.ticket_id == ticket_id
        with self._engine.begin() as connection:
            if not connection.execute(update(LINKS).where(mine).values(told=LINKS.c.told)).rowcount:
                return False  # erased in this moment
            incident = incident_of_ticket(connection, ticket_id)
            told = connection.execute(select(LINKS.c.told).where(mine)).scalar_one()
            if incident is None or told >= incident.version:
                return False
            ticket = self._held(connection, ticket_id)
            if ticket.settled_at:
                connection.execute(update(LINKS).where(mine).values(told=incident.version))
                return True
            same = (TEXTS.c.incident_id == incident.id) & (TEXTS.c.version == told + 1)
            text = connection.execute(select(TEXTS.c.text).where(same)).scalar_one()
            self._informed(connection, ticket, incident, text, now)
            connection.execute(update(LINKS).where(mine).values(told=told + 1))
            return True

    def _informed(self, connection: Connection, ticket: Ticket, incident: Incident, text: str, now: datetime) -> Ticket:
        command = Command("inform", ticket.version, text=text, why=incident.title)
        return self._moved(connection, ticket, command, SYSTEM, now)

    def _move_all(self, where: Any, name: Any, why: str, now: datetime) -> int:
        with self._engine.connect() as connection:
            rows = connection.execute(select(TICKETS).where(where).order_by(TICKETS.c.due_at).limit(_BATCH)).all()
        moved = 0
        for ticket in map(ticket_of, rows):
            try:
                with self._engine.begin() as connection:
                    self._moved(connection, ticket, Command(name, ticket.version, why=why), SYSTEM, now)
            except (_OvertakenError, IllegalTransitionError):
                continue  # somebody took it in this moment
            moved += 1
        return moved

    def _made(self, connection: Connection, draft: Draft, by: Actor) -> Ticket:
        now, place = clock.now(), draft.place
        need = Need(place, draft.entry, draft.branch, draft.topic, draft.urgency, draft.closes_at)
        route = self.book.route(need, now)
        ticket = Ticket(
            id=str(uuid.uuid4()),
            number=_number(),
            place=place,
            level=route.level,
            state="new",
            urgency=draft.urgency,
            version=1,
            created_by=by.id,
            created_at=now,
            updated_at=now,
            due_at=route.times.due_at,
            warn_at=route.times.warn_at,
            topic=draft.topic,
            entry=draft.entry,
            branch=draft.branch,
            conversation_id=draft.conversation_id,
            call_id=draft.call_id,
            application_id=draft.application_id,
            closes_at=draft.closes_at,
        )
        connection.execute(insert(TICKETS), {**columns_of(ticket), "client_key": draft.key})
        event = Event(1, "create", by, now, "", None, "new", None, ticket.level)
        self._keep(connection, Moved(ticket, event, Message(1, "question", by, now, draft.question)))
        ticket = self._moved(connection, ticket, Command("dispatch", 1, why=route.because), SYSTEM, now)
        return self._joined(connection, ticket, now)

    def _joined(self, connection: Connection, ticket: Ticket, now: datetime) -> Ticket:
        """Link a new ticket to the open incident that covers it, and tell its present text."""
        incident = nearest(open_incidents(connection, INCIDENTS.c.city == ticket.place.city), matter_of(ticket))
        if incident is None:
            return ticket
        link = {"ticket_id": ticket.id, "incident_id": incident.id, "told": incident.version}
        connection.execute(insert(LINKS), link)
        return self._informed(connection, ticket, incident, incident.text, now)

    def _moved(self, connection: Connection, ticket: Ticket, command: Command, by: Actor, now: datetime) -> Ticket:
        """Keep what a command leads to; the row must still have the version that the command was meant for."""
        if command.version != ticket.version:
            raise _OvertakenError
        moved = move(ticket, command, by, now, self.book.levels.of(ticket.place.city))
        moved = replace(moved, ticket=self._timed(ticket, moved.ticket, moved.event, now))
        mine = (TICKETS.c.id == ticket.id) & (TICKETS.c.version == command.version)
        if not connection.execute(update(TICKETS).where(mine).values(columns_of(moved.ticket))).rowcount:
            raise _OvertakenError
        self._keep(connection, moved)
        return moved.ticket

    def _attached(
        self, connection: Connection, ticket: Ticket, command: Command, by: Actor, new: NewFile, *, id_: str
    ) -> Ticket:
        """Take the step that tells of a file, and keep the file, in one transaction."""
        now, shown = clock.now(), command.name != "note"
        moved = self._moved(connection, ticket, command, by, now)
        attachments.put(connection, ticket.id, id_, new, by, at=now, version=moved.version, to_parent=shown)
        return moved

    def _timed(self, before: Ticket, ticket: Ticket, event: Event, now: datetime) -> Ticket:
        """Return the ticket with its new times, if it is at another level or its clock starts anew.

        What comes by itself to a team that is away goes on with the next round; people may transfer to one on purpose.
        """
        starts = ticket.answerable and not before.answerable
        if event.kind not in ("dispatch", "climb", "transfer", "release") and not starts:
            return ticket
        promised = ticket.due_at if event.kind in ("climb", "release") else None
        times = self.book.times(ticket.level, need_of(ticket), now, promised)
        climbs_on = event.kind in ("climb", "reopen") and times.climb_at and not self.book.is_there(ticket, now)
        timed = replace(ticket, urgency=times.urgency, climb_at=now if climbs_on else times.climb_at)
        if promised and promised <= now:
            return timed  # what is late stays late
        return replace(timed, due_at=times.due_at, warn_at=times.warn_at)

    def _keep(self, connection: Connection, moved: Moved) -> None:
        event, message = moved.event, moved.message
        who = {"actor": event.by.id, "actor_name": event.by.name, "role": event.by.role, "at": event.at}
        same = {"ticket_id": moved.ticket.id, "version": event.version, **who}
        facts = {name: getattr(event, name) for name in ("kind", "before", "after", "level_before", "level")}
        connection.execute(insert(EVENTS), {**same, **facts, "why": mask_personal_data(event.why)})
        if message:
            text = mask_personal_data(message.text)
            connection.execute(insert(MESSAGES), {**same, "kind": message.kind, "text": text})
        outbox.put(connection, moved.ticket, event)

    def _held(self, connection: Connection, ticket_id: str) -> Ticket:
        """Return the ticket, whose row nobody else changes until the transaction ends."""
        mine = TICKETS.c.id == ticket_id
        connection.execute(update(TICKETS).where(mine).values(version=TICKETS.c.version))
        return self._found(connection, ticket_id, Reach())

    def _found(self, connection: Connection, ticket_id: str, reach: Reach) -> Ticket:
        row = None
        if ticket_id.isprintable():  # PostgreSQL refuses a text with a zero character
            mine = select(TICKETS).where(TICKETS.c.id == ticket_id, *reach.where())
            row = connection.execute(mine).one_or_none()
        if row is None:
            raise NotFoundError(_NONE_SUCH)
        return ticket_of(row)

    def _file(self, connection: Connection, ticket: Ticket) -> TicketFile:
        messages, events = (
            connection.execute(select(table).where(table.c.ticket_id == ticket.id).order_by(table.c.version)).all()
            for table in (MESSAGES, EVENTS)
        )
        return TicketFile(
            ticket,
            tuple(map(message_of, messages)),
            tuple(map(event_of, events)),
            self.book.guidance(need_of(ticket)),
            incident_of_ticket(connection, ticket.id),
            attachments.of_ticket(connection, ticket.id),
        )


class _OvertakenError(Exception):
    """The row has another version already."""


def need_of(ticket: Ticket) -> Need:
    """Return what routing needs to know of a ticket."""
    return Need(ticket.place, ticket.entry, ticket.branch, ticket.topic, ticket.urgency, ticket.closes_at)


def matter_of(ticket: Ticket) -> Matter:
    """Return what a ticket reports, as incidents count it."""
    return Matter(ticket.place.city, ticket.place.district, ticket.topic, ticket.entry)


def _number() -> str:
    """Return a random number, not beginning with 0 or 1, whose last figure checks the others: 4829-1373."""
    figures = str(2_000_000 + secrets.randbelow(8_000_000))
    whole = figures + str(luhn.calc_check_digit(figures))
    return f"{whole[:4]}-{whole[4:]}"
