"""What may happen to a ticket: states, commands, who may give them. No input or output, no clock.

A command leads from one version of a ticket to the next and leaves one event, or it is refused and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from core.errors import IllegalTransitionError
from core.scope import City

State = Literal["new", "assigned", "working", "waiting_parent", "replied", "resolved", "closed"]
Level = Literal["school", "district", "city"]
Urgency = Literal["normal", "soon", "urgent"]
Role = Literal["parent", "agent", "school", "district", "city", "system"]
Act = Literal["claim", "release", "reply", "ask_parent", "note", "transfer", "resolve", "close", "reopen"]
Name = Literal["dispatch", "climb", "add", "inform"] | Act
MessageKind = Literal["question", "parent", "reply", "ask", "note"]

STATES: tuple[State, ...] = get_args(State)
LEVELS: tuple[Level, ...] = get_args(Level)
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)
ACTS: tuple[Act, ...] = get_args(Act)
NAMES: tuple[Name, ...] = ("dispatch", "climb", "add", "inform", *ACTS)
REOPEN_WITHIN = timedelta(days=7)
"""How long after a ticket was resolved the parent may have it reopened."""

_IN_HAND: frozenset[State] = frozenset({"working", "waiting_parent", "replied"})
_SETTLED: frozenset[State] = frozenset({"resolved", "closed"})
_UNSETTLED: frozenset[State] = frozenset(STATES) - _SETTLED
FROM: dict[Name, frozenset[State]] = {
    "dispatch": frozenset({"new"}),
    "climb": frozenset({"assigned"}),
    "add": _UNSETTLED,
    "inform": _UNSETTLED,
    "claim": frozenset({"assigned", "waiting_parent", "replied"}),
    "release": _IN_HAND,
    "reply": _IN_HAND,
    "ask_parent": _IN_HAND,
    "note": frozenset(STATES),
    "transfer": _IN_HAND | {"assigned"},
    "resolve": _IN_HAND,
    "close": frozenset({"resolved"}),
    "reopen": _SETTLED,
}
"""In which states each command may be given."""
_TO: dict[Name, State] = {
    "dispatch": "assigned",
    "climb": "assigned",
    "reply": "replied",
    "ask_parent": "waiting_parent",
    "transfer": "assigned",
    "resolve": "resolved",
    "close": "closed",
    "reopen": "assigned",
}
_LETS_GO: frozenset[Name] = frozenset({"release", "transfer", "resolve", "reopen", "climb"})
_MAY: dict[Role, frozenset[Name]] = {
    "parent": frozenset({"add", "resolve", "reopen"}),
    "agent": frozenset({"note", "reopen"}),
    "system": frozenset({"dispatch", "climb", "inform", "release", "close"}),
    **dict.fromkeys(LEVELS, frozenset(NAMES) - {"dispatch", "climb", "add", "inform"}),
}
_SAYS: dict[Name, MessageKind] = {
    "add": "parent",
    "inform": "reply",
    "reply": "reply",
    "ask_parent": "ask",
    "resolve": "reply",
}
_NEEDS_TEXT: frozenset[Name] = frozenset({"add", "inform", "reply", "ask_parent", "note"})
_NEEDS_WHY: frozenset[Name] = frozenset({"transfer", "reopen"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something belongs; `None`: not known, or all of it."""

    city: City
    district: str | None = None
    school: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives a command; `name` as colleagues read it."""

    id: str
    name: str
    role: Role


SYSTEM = Actor("system", "系统", "system")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One version of a ticket.

    Args:
        number: what people call it; tells outsiders nothing.
        level: whose turn it is; `place` says of which school, district or city.
        holder: the id of who works on it; None: nobody.
        entry, branch: the official answer that was not enough, and the branch of it, as far as known.
        due_at: when an answer is expected; `warn_at`: when it counts as late soon; `climb_at`: when it climbs if nobody
            has taken it, None at the top.
        application_id: which application of the conversation's guardian it is about, as the backend calls it.
        closes_at: when the batch closes.
        settled_at: when it was resolved; None while it is not.
    """

    id: str
    number: str
    place: Place
    level: Level
    state: State
    urgency: Urgency
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    due_at: datetime
    warn_at: datetime
    climb_at: datetime | None = None
    holder: str | None = None
    holder_name: str | None = None
    topic: str = "other"
    entry: str | None = None
    branch: str | None = None
    conversation_id: str | None = None
    call_id: str | None = None
    application_id: str | None = None
    closes_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def answerable(self) -> bool:
        """Whether the clock runs: an answer of ours is expected."""
        return self.state in ("new", "assigned", "working")


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants to happen to the version that they saw.

    Args:
        name: `inform` tells the parent of an incident: whoever works on the ticket goes on undisturbed.
        text: the message; `add`, `inform`, `reply`, `ask_parent` and `note` need one.
        why: the reason; `transfer` and `reopen` need one.
        to, district, school: where `transfer` leads; a district or school that is not given stays.
    """

    name: Name
    version: int
    text: str = ""
    why: str = ""
    to: Level | None = None
    district: str | None = None
    school: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a ticket: who, when, why, and from where to where. `version` is the one that it made."""

    version: int
    kind: Name | Literal["create"]
    by: Actor
    at: datetime
    why: str
    before: State | None
    after: State
    level_before: Level | None
    level: Level


@dataclass(frozen=True, slots=True)
class Message:
    """Words on a ticket: a parent's, ours to the parent (`reply`, `ask`), or a `note` for colleagues only."""

    version: int
    kind: MessageKind
    by: Actor
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What a command led to."""

    ticket: Ticket
    event: Event
    message: Message | None


def move(ticket: Ticket, command: Command, by: Actor, at: datetime, levels: tuple[Level, ...]) -> Moved:
    """Apply a command to the version that it was meant for.

    Args:
        ticket: the present version; comparing versions is the caller's.
        command: what is wanted.
        by: who wants it.
        at: now.
        levels: the levels that the ticket's city has, lowest first.

    Raises:
        IllegalTransitionError: the ticket's state, its holder, or the actor's role does not allow it.
    """
    refusal = refused(ticket, command, by, at, levels)
    if refusal:
        raise IllegalTransitionError(refusal, command=command.name, state=ticket.state)
    changed = _changed(ticket, command, by, at, levels)
    version = changed.version
    event = Event(
        version, command.name, by, at, command.why, ticket.state, changed.state, ticket.level, changed.level
    )  # fmt: skip
    kind: MessageKind = "parent" if by.role == "parent" else _SAYS.get(command.name, "note")
    message = Message(version, kind, by, at, command.text) if command.text else None
    return Moved(changed, event, message)


def may(ticket: Ticket, by: Actor, at: datetime, levels: tuple[Level, ...]) -> tuple[Name, ...]:
    """Return the commands that the actor could give now, in a fixed order; `transfer` if it could lead anywhere."""
    return tuple(
        name
        for name in NAMES
        if any(not refused(ticket, one, by, at, levels) for one in _examples(ticket, name, levels))
    )


def refused(ticket: Ticket, command: Command, by: Actor, at: datetime, levels: tuple[Level, ...]) -> str | None:
    """Return why a command is not allowed, in words for staff; None if it is."""
    if command.name not in _MAY[by.role]:
        return "您不能对工单进行这项操作。"
    if ticket.state not in FROM[command.name]:
        return "工单当前的状态不能进行这项操作。"
    if command.name in _NEEDS_TEXT and not command.text.strip():
        return "请填写内容。"
    if command.name in _NEEDS_WHY and not command.why.strip():
        return "请填写原因。"
    return _refused_for_holding(ticket, command, by) or _refused_for_kind(ticket, command, at, levels)


def _refused_for_holding(ticket: Ticket, command: Command, by: Actor) -> str | None:
    """Who has it in hand, answers it; a higher level, or at a free ticket the same, may hand it on."""
    name, mine = command.name, ticket.holder == by.id
    if by.role == "parent":
        return None if name != "resolve" or ticket.state == "replied" else "工单还在处理中。"
    if name == "claim" and ticket.holder:
        return "工单已有人在处理。"
    if name in ("reply", "ask_parent", "resolve") and not mine:
        return "请先认领工单。"
    if name == "release" and not ticket.holder:
        return "工单没有人认领。"
    if by.role not in LEVELS or name in ("note", "reopen") or mine:
        return None
    above = LEVELS.index(by.role) - LEVELS.index(ticket.level)
    return None if above > 0 or (above == 0 and not ticket.holder) else "这张工单不由您这一级处理。"


def _refused_for_kind(ticket: Ticket, command: Command, at: datetime, levels: tuple[Level, ...]) -> str | None:
    if command.name == "reopen" and ticket.settled_at and at - ticket.settled_at > REOPEN_WITHIN:
        return "已超过七天，请新建工单。"
    if command.name == "climb" and ticket.level == levels[-1]:
        return "已是最高一级。"
    if command.name == "transfer":
        return _refused_transfer(ticket, command, levels)
    return None


def _refused_transfer(ticket: Ticket, command: Command, levels: tuple[Level, ...]) -> str | None:
    if command.to not in levels:
        return "没有这一级，不能转办。"
    place = _transferred(ticket.place, command)
    if (command.to, place) == (ticket.level, ticket.place):
        return "工单已在这里。"
    if place.school and not place.district:
        return "转办到学校前，请先填写区县。"
    if (command.to == "school" and not place.school) or (
        command.to == "district" and not place.district and levels[-1] != "district"
    ):
        return "请填写转办到哪里。"
    return None


def _changed(ticket: Ticket, command: Command, by: Actor, at: datetime, levels: tuple[Level, ...]) -> Ticket:
    changed = replace(ticket, version=ticket.version + 1, updated_at=at, state=_state(ticket, command.name))
    if command.name in _LETS_GO:
        changed = replace(changed, holder=None, holder_name=None)
    match command.name:
        case "claim":
            return replace(changed, holder=by.id, holder_name=by.name)
        case "transfer" if command.to:
            return replace(changed, level=command.to, place=_transferred(ticket.place, command))
        case "climb":
            return replace(changed, level=levels[levels.index(ticket.level) + 1])
        case "resolve":
            return replace(changed, settled_at=at)
        case "reopen":
            return replace(changed, settled_at=None)
        case _:
            return changed


def _state(ticket: Ticket, name: Name) -> State:
    state = ticket.state
    if name == "claim":
        return "working" if state == "assigned" else state
    if name == "release":
        return "assigned" if state == "working" else state
    if name == "add" and state in ("waiting_parent", "replied"):
        return "working" if ticket.holder else "assigned"
    return _TO.get(name, state)


def _transferred(place: Place, command: Command) -> Place:
    """Return the place with what the transfer names; another district forgets the old one's school."""
    district = command.district or place.district
    kept = place.school if district == place.district else None
    return Place(place.city, district, command.school or kept)


def _examples(ticket: Ticket, name: Name, levels: tuple[Level, ...]) -> list[Command]:
    if name != "transfer":
        return [Command(name, ticket.version, text="…", why="…")]
    places = [(level, "…", "…") for level in levels] + [(level, None, None) for level in levels]
    return [Command(name, ticket.version, why="…", to=to, district=d, school=s) for to, d, s in places]
