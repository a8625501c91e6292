"""Speak a backend's dialect: write what is sent, and read replies into our own records, as the mapping says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import ValidationError
from pydantic_core import to_json

from core.scope import City
from enrollment.errors import MalformedError, NotOfferedError, RefusedError, ThrottledError, UnavailableError
from enrollment.mapping import (
    PLACEHOLDER,
    BodyCodes,
    Call,
    CheckCall,
    Mapping,
    Rows,
    SendCall,
    Source,
    VerifiedCall,
    as_word,
)
from enrollment.models import Application, Change, Record, mask_name

MAX_APPLICATIONS = 50
TIMES = frozenset({"since", "as_of", "at", "window_closes"})
MAY_LACK = ("window_closes",)  # times that a reply may leave open

R = TypeVar("R", bound=Record)


class _Applications(Record):
    applications: tuple[Application, ...]


class _Changes(Record):
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Sent:
    """A call filled in: path below the base address, query, and the body's bytes (`None`: no body)."""

    method: str
    path: str = field(repr=False)
    query: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def fill_in(call: Call, **values: str | int) -> Sent:
    """Return the call with its placeholders filled in; in the path they are percent-encoded."""
    path = PLACEHOLDER.sub(lambda found: _segment(values[found[1]]), call.path)
    query = {name: str(_filled(text, values)) for name, text in call.query.items()}
    body = None if call.body is None else json.dumps(_filled(call.body, values), ensure_ascii=False).encode()
    return Sent(call.method, path, query, body)


def city_word(mapping: Mapping, city: City) -> str:
    """Return the backend's word for a city.

    Raises:
        NotOfferedError: the backend does not serve it.

    """
    if city not in mapping.cities:
        raise NotOfferedError(f"enrolment backend: it does not serve {city}; HELPDESK_ENROLLMENT_MAPPING, cities")
    return mapping.cities[city]


def read_applications(
    mapping: Mapping, document: Any, city: City, now: datetime, asked: VerifiedCall | None = None
) -> tuple[Application, ...]:
    """Return the applications in a reply to a question about `city`, in the reply's order.

    `asked`: the call was this one and not `applications`, whose fields it has.

    Raises:
        MalformedError: the reply breaks the contract; the message names the place by our names.

    """
    call, reading = mapping.applications, _Reading(mapping, city, now)
    members = _members((asked or call).list, document, "applications")
    if len(members) > MAX_APPLICATIONS:
        raise MalformedError(f"enrolment backend: more than {MAX_APPLICATIONS} applications of one guardian")
    found = []
    for number, member in enumerate(members, start=1):
        place = f"applications.{number - 1}"
        row = reading.record(call, member, number, place)
        for name, rows in (("problems", call.problems), ("history", call.history)):
            row[name] = [] if rows is None else reading.inner(rows, member, f"{place}.{name}", row["city"])
        found.append(row)
    return _proved(_Applications, {"applications": found}).applications


def read_changes(mapping: Mapping, document: Any, now: datetime) -> tuple[Change, ...]:
    """Return the changes in a reply, in its order.

    Raises:
        MalformedError: the reply breaks the contract; the message names the place by our names.

    """
    call, reading = mapping.changes, _Reading(mapping, None, now)
    if call is None:
        raise NotOfferedError("enrolment backend: it tells no changes; HELPDESK_ENROLLMENT_MAPPING, changes")
    members = _members(call.list, document, "changes")
    found = [reading.record(call, one, number, f"changes.{number - 1}") for number, one in enumerate(members, start=1)]
    return _proved(_Changes, {"changes": found}).changes


def read_verification(call: SendCall, document: Any) -> str:
    """Return the id of a verification.

    Raises:
        MalformedError: there is none, or it can't be one.

    """
    given = look(call.at, document, "verification.send")
    if isinstance(given, bool) or not isinstance(given, str | int) or not re.fullmatch(r"[!-~]{1,200}", str(given)):
        raise _broken("verification.send")
    return str(given)


def read_right(call: CheckCall, document: Any) -> bool:
    """Return whether a code was the right one.

    Raises:
        MalformedError: the reply says neither.

    """
    word = as_word(look(call.at, document, "verification.check"))
    if word not in call.right and word not in call.wrong:
        raise _broken("verification.check")
    return word in call.right


def read_code(codes: BodyCodes | None, document: Any) -> bool:
    """Return whether the body's own code says that there is something to read; `False`: it says that there is nothing.

    Raises:
        EnrollmentError: the code stands for a fault.

    """
    if codes is None:
        return True
    code = as_word(look(codes.at, document, "codes"))
    if code in codes.refused:
        raise RefusedError("enrolment backend: it refused our key, by its reply's code; check HELPDESK_ENROLLMENT_KEY")
    if code in codes.throttled:
        raise ThrottledError("enrolment backend: too many calls, by a code in its reply")
    if code in codes.unavailable:
        raise UnavailableError("enrolment backend: it failed, by a code in its reply")
    if code not in codes.fine and code not in codes.nothing:
        raise MalformedError("enrolment backend: the reply's code is not in HELPDESK_ENROLLMENT_MAPPING, codes")
    return code in codes.fine


def look(place: str, document: Any, name: str) -> Any:
    """Return what stands at a place of a reply, `None` if nothing does.

    Raises:
        MalformedError: the expression does not fit the reply; the message gives `name`.

    """
    try:
        return jmespath.search(place, document)
    except JMESPathError:
        raise _broken(name) from None  # its own words hold the value


@dataclass(frozen=True)
class _Reading:
    """One reply being read; `city` is the one asked for, if one was."""

    mapping: Mapping
    city: City | None
    now: datetime

    def record(self, rows: Rows, member: Any, number: int, place: str, city: Any = None) -> dict[str, Any]:
        found = {name: self._value(source, member, number, place) for name, source in rows.fields.items()}
        if "city" in found and rows.fields["city"].known is None:
            theirs = {word: city for city, word in self.mapping.cities.items()}
            found["city"] = theirs.get(as_word(found["city"]))
        return self._translated(found, place, found.get("city", city))

    def inner(self, rows: Rows, member: Any, place: str, city: Any) -> list[dict[str, Any]]:
        members = look(rows.list, member, place)
        if members is None:
            return []
        if not isinstance(members, list):
            raise _broken(place)
        return [self.record(rows, one, number, place, city) for number, one in enumerate(members, start=1)]

    def _value(self, source: Source, member: Any, number: int, place: str) -> Any:
        if source.known:
            return {"city": self.city, "position": number, "moment": self.now}[source.known]
        if source.at is None:
            return source.always
        value = look(source.at, member, place)
        if value is not None and source.words:
            value = source.words.get(as_word(value), value)
        return _TURNS[source.turn](value) if source.turn and value is not None else value

    def _translated(self, found: dict[str, Any], place: str, city: Any) -> dict[str, Any]:
        if "state" in found:
            found["state"] = self.mapping.states.get(city, {}).get(as_word(found["state"]), found["state"])
        for name in TIMES & found.keys() - {name for name in MAY_LACK if found.get(name) is None}:
            found[name] = self._time(found[name], f"{place}.{name}")
        return found

    def _time(self, given: Any, place: str) -> str:
        try:
            read = _moment(self.mapping.times, given)
        except (TypeError, ValueError, OverflowError, OSError):
            raise _broken(place) from None  # their own words hold the value
        if read.tzinfo is None:
            if self.mapping.zone is None:
                raise _broken(place)
            read = read.replace(tzinfo=ZoneInfo(self.mapping.zone))
        return read.isoformat()


def _moment(times: str, given: Any) -> datetime:
    if isinstance(given, datetime):
        return given
    if times in ("unix", "unix_ms"):
        if isinstance(given, bool):
            raise TypeError
        return datetime.fromtimestamp(float(given) / (1000 if times == "unix_ms" else 1), UTC)
    return datetime.fromisoformat(given) if times == "iso" else datetime.strptime(given, times)


def _as_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_masked(value: Any) -> Any:
    return mask_name(value) if isinstance(value, str) and value and "*" not in value else value


_TURNS: dict[str, Callable[[Any], Any]] = {"number": _as_number, "text": _as_text, "masked": _as_masked}


def _members(place: str, document: Any, name: str) -> list[Any]:
    members = look(place, document, name)
    if not isinstance(members, list):
        raise _broken(name)
    return members


def _proved(record: type[R], found: dict[str, Any]) -> R:
    try:
        return record.model_validate_json(to_json(found))
    except ValidationError as error:
        places = {".".join(str(part) for part in e["loc"]) for e in error.errors(include_input=False)}
        raise _broken(", ".join(sorted(places)[:5])) from error


def _broken(place: str) -> MalformedError:
    return MalformedError(f"enrolment backend: the reply breaks the contract at {place}")


def _filled(given: Any, values: dict[str, str | int]) -> Any:
    if isinstance(given, dict):
        return {name: _filled(value, values) for name, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, values) for value in given]
    if not isinstance(given, str):
        return given
    whole = PLACEHOLDER.fullmatch(given)
    return values[whole[1]] if whole else PLACEHOLDER.sub(lambda found: str(values[found[1]]), given)


def _segment(value: str | int) -> str:
    return quote(str(value), safe="").replace(".", "%2E")  # so that no value climbs out of its segment
