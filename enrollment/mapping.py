"""Which words a backend uses: `mapping.yml`, or another city's file, read and checked at start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jmespath
import yaml
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from core.errors import SettingsError
from core.scope import CITIES, STAGES, City
from enrollment.models import Application, Change, Problem, Reached, Record
from enrollment.states import states

SETTING = "HELPDESK_ENROLLMENT_MAPPING"
MAPPING_FILE = Path(__file__).with_name("mapping.yml")
VALUES: dict[str, tuple[Any, ...]] = {"stage": STAGES, "window_open": (True, False)}
PLACEHOLDER = re.compile(r"\{(\w*)\}")


def as_word(value: Any) -> str:
    """Return a value of a reply as the mapping writes it: `true` and `false`, numbers by their digits."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compiled(place: str) -> str:
    try:
        jmespath.compile(place)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {str(error).splitlines()[0]}") from error
    return place


def _known_times(times: str) -> str:
    if times not in ("iso", "unix", "unix_ms") and "%" not in times:
        raise ValueError("has to be iso, unix, unix_ms or a strptime format")
    return times


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is no time zone, for example Asia/Shanghai") from error
    return zone


def _relative(path: str) -> str:
    if "://" in path or path.startswith("//") or not re.fullmatch(r"[!-~]+", path) or re.search(r"[?#]", path):
        raise ValueError("has to be a path below HELPDESK_ENROLLMENT_URL, visible ASCII, without ? and #")
    return path


Place = Annotated[str, AfterValidator(_compiled)]
Words = Annotated[
    dict[str, Any],
    BeforeValidator(lambda given: {as_word(k): v for k, v in given.items()} if isinstance(given, dict) else given),
]
Codes = tuple[Annotated[str, BeforeValidator(as_word)], ...]


class _Datum(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Datum):
    """Where the value of one of our fields comes from: exactly one of `at`, `always` and `known`."""

    at: Place | None = None
    always: str | int | bool | None = None
    known: Literal["city", "position", "moment"] | None = None
    words: Words = Field(default_factory=dict, description="Their word: our value.")
    turn: Literal["text", "number", "masked"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_place(cls, given: Any) -> Any:
        return {"at": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if sum(origin is not None for origin in (self.at, self.always, self.known)) != 1:
            raise ValueError("needs exactly one of at, always and known")
        return self


class Rows(_Datum):
    """A list in a reply and where each of our fields stands in its members."""

    list: Place
    fields: dict[str, Source]


class Call(_Datum):
    """One call of the backend; placeholders stand for what is sent."""

    method: Literal["GET", "POST"]
    path: Annotated[str, AfterValidator(_relative)]
    query: dict[str, str] = Field(default_factory=dict)
    body: Any = Field(None, description="JSON to send; left out: no body.")

    def placeholders(self) -> set[str]:
        """Return the names of what the call sends."""
        return {name for text in _texts([self.path, self.query, self.body]) for name in PLACEHOLDER.findall(text)}


class HealthCall(Call):
    """The call that tells whether the backend is well; without `at` any 200 will do."""

    at: Place | None = None
    fine: Codes = ()


class LatestCall(Call):
    """The call that tells the id of the newest change."""

    at: Place


class ApplicationsCall(Call, Rows):
    """The call that returns a guardian's applications in a city."""

    nothing: tuple[int, ...] = ()
    problems: Rows | None
    history: Rows | None


class ChangesCall(Call, Rows):
    """The call that returns what changed after a change."""


class SendCall(Call):
    """The call that has a one-time code sent; `at`: where the reply holds the verification's id."""

    at: Place


class CheckCall(Call):
    """The call that checks a one-time code; any other word at the place is a malformed reply."""

    at: Place
    right: Codes = Field(min_length=1)
    wrong: Codes = Field(min_length=1)


class VerifiedCall(Call):
    """The call that returns a verified application in a list of none or one, with the fields of `applications`."""

    list: Place
    nothing: tuple[int, ...] = ()


class Verification(_Datum):
    """The calls that verify somebody on the telephone."""

    send: SendCall
    check: CheckCall
    application: VerifiedCall


class Key(_Datum):
    """The header that carries our key."""

    header: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    prefix: str = Field("", pattern=r"^[ -~]*$")


class BodyCodes(_Datum):
    """What the codes inside a reply's body mean; any other code is a malformed reply."""

    at: Place
    fine: Codes = Field(min_length=1)
    nothing: Codes = ()
    refused: Codes = ()
    throttled: Codes = ()
    unavailable: Codes = ()


class Mapping(_Datum):
    """A backend's dialect."""

    key: Key | None
    content_types: tuple[str, ...] = Field(min_length=1)
    times: Annotated[str, AfterValidator(_known_times)]
    zone: Annotated[str, AfterValidator(_known_zone)] | None
    cities: dict[City, Annotated[str, BeforeValidator(as_word)]] = Field(min_length=1)
    states: dict[City, Words]
    codes: BodyCodes | None
    health: HealthCall | None
    applications: ApplicationsCall
    changes: ChangesCall | None
    latest: LatestCall | None
    verification: Verification | None


@lru_cache(maxsize=8)
def load_mapping(path: Path = MAPPING_FILE) -> Mapping:
    """Read a mapping and check it.

    Raises:
        SettingsError: the file can't be read or breaks a rule; the message names the setting, the file and the place.

    """
    try:
        mapping = Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(f"{SETTING}: {path.name}: {place}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{SETTING}: {path} can't be read: {error}") from error
    if wrong := next(_slips(mapping), None):
        raise SettingsError(f"{SETTING}: {path.name}: {wrong}")
    return mapping


def _slips(mapping: Mapping) -> Iterator[str]:
    yield from _wrong_fields(mapping)
    yield from _wrong_calls(mapping)
    yield from _wrong_words(mapping)
    if (mapping.changes is None) != (mapping.latest is None):
        yield "changes and latest go together"
    city = mapping.applications.fields.get("city")
    if city and city.at is None and "city" not in mapping.applications.placeholders():
        yield "applications: the city is neither sent nor read from the reply, so that cities could be mixed up"


def _wrong_fields(mapping: Mapping) -> Iterator[str]:
    asked: list[tuple[str, Rows | None, type[Record], set[str]]] = [
        ("applications", mapping.applications, Application, {"problems", "history"}),
        ("applications.problems", mapping.applications.problems, Problem, set()),
        ("applications.history", mapping.applications.history, Reached, set()),
        ("changes", mapping.changes, Change, set()),
    ]
    for place, rows, record, apart in asked:
        if rows:
            known = set(record.model_fields) - apart
            needed = {name for name in known if record.model_fields[name].is_required()}
            yield from (f"{place}.fields.{name}: is missing" for name in sorted(needed - set(rows.fields)))
            yield from (f"{place}.fields.{name}: there is no such field" for name in sorted(set(rows.fields) - known))


def _wrong_calls(mapping: Mapping) -> Iterator[str]:
    asked: list[tuple[str, Call | None, set[str], set[str]]] = [
        ("health", mapping.health, set(), set()),
        ("applications", mapping.applications, {"guardian", "city"}, {"guardian"}),
        ("changes", mapping.changes, {"after"}, {"after"}),
        ("latest", mapping.latest, set(), set()),
    ]
    if offered := mapping.verification:
        asked += [
            ("verification.send", offered.send, {"number", "city"}, {"number", "city"}),
            ("verification.check", offered.check, {"verification", "code"}, {"verification", "code"}),
            ("verification.application", offered.application, {"verification", "city"}, {"verification"}),
        ]
    for place, call, known, needed in asked:
        if call:
            sent = call.placeholders()
            yield from (f"{place}: {{{name}}} is not sent" for name in sorted(needed - sent))
            yield from (f"{place}: {{{name}}} stands for nothing here" for name in sorted(sent - known))


def _wrong_words(mapping: Mapping) -> Iterator[str]:
    if len(set(mapping.cities.values())) != len(mapping.cities):
        yield "cities: two cities have the same name"
    for city in CITIES:
        known = states().cities[city].states
        for theirs, ours in mapping.states.get(city, {}).items():
            if ours not in known:
                yield f"states.{city}.{theirs}: states.yml has no such state for {city}"
    for name, allowed in VALUES.items():
        source = mapping.applications.fields[name]
        for value in [*source.words.values(), *([] if source.always is None else [source.always])]:
            if value not in allowed:
                yield f"applications.fields.{name}: may become {' or '.join(map(as_word, allowed))} only"


def _texts(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, dict):
        yield from (text for value in given.values() for text in _texts(value))
    elif isinstance(given, list):
        yield from (text for value in given for text in _texts(value))
