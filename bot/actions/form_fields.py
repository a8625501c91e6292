"""The fields of a ticket's form: what depends on what, and what typed words mean for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from bot.actions.entities import EntityReader, Named
from conversations.reply import FormField, TicketForm
from core.scope import City

FIELDS: tuple[FormField, ...] = ("city", "district", "school", "question")
"""The fields that every form has, in the order in which they are asked."""
LONGEST_QUESTION = 4000
LONGEST: dict[FormField, int] = {"district": 20, "school": 60}
"""Characters of a field."""
_SHORT_NAME = 6
"""Characters of words that name a child and say nothing else: 「我家老二的」."""
WORDS_FILE = Path(__file__).with_name("form_words.yml")


def _read() -> tuple[dict[FormField, str], dict[str, re.Pattern[str]]]:
    """Return the names of the fields, and the patterns with the parts of that file in their places."""
    words: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    named: dict[FormField, str] = words["fields"]
    parts = {**words, "fields": "|".join(named.values())}
    for part in ("fields", "change", "end", "agreed", "wrong", "please", "heard", "when"):
        parts = {name: text.replace(f"{{{part}}}", parts[part]) for name, text in parts.items()}
    return named, {name: re.compile(text) for name, text in parts.items()}


_NAMED, _MEANS = _read()


def wants_to_stop(text: str) -> bool:
    """Whether words (normal form) mean that the parent does not want to go on.

    >>> wants_to_stop("算了吧"), wants_to_stop("算了一下还差三天")
    (True, False)
    """
    return _MEANS["stop"].fullmatch(text) is not None


def leaves_open(text: str) -> bool:
    """Whether words (normal form) mean that the parent can't tell.

    >>> leaves_open("不知道"), leaves_open("也不清楚是哪个区"), leaves_open("渝北区")
    (True, True, False)
    """
    return _MEANS["open"].fullmatch(text) is not None


def wants_to_send(text: str) -> bool:
    """Whether words (normal form) approve of the form."""
    return _MEANS["send"].fullmatch(text) is not None


def wants_to_edit(text: str) -> bool:
    """Whether words (normal form) ask to change the form."""
    return _MEANS["edit"].fullmatch(text) is not None


def field_named(text: str) -> FormField | None:
    """Return the field that a wish to change the form (normal form) names, if it names one."""
    return next((field for field, name in _NAMED.items() if wants_to_edit(text) and re.search(name, text)), None)


def adds_more(text: str) -> bool:
    """Whether words (normal form) go on telling what happened: 「还有一点」."""
    return _MEANS["more"].match(text) is not None


def asks_something(text: str) -> bool:
    """Whether words (normal form) are a question rather than a name."""
    return _MEANS["asks"].search(text) is not None


def asks_for_ticket(text: str) -> bool:
    """Whether words (normal form) ask how a ticket stands.

    >>> asks_for_ticket("老师回复了没有"), asks_for_ticket("工单上的名字写错了"), asks_for_ticket("老师说材料不全")
    (True, False, False)
    """
    return _MEANS["ticket"].fullmatch(text) is not None


def district_named(reader: EntityReader, named: Named, text: str) -> tuple[City | None, str] | None:
    """Return the district that words name, with its city if that is known; None if they name none that we know."""
    if named.district:
        return named.city, named.district
    found = reader.district(text)
    return (None, found) if found and found != text else None


def fits(field: FormField, text: str, named: Named) -> bool:
    """Whether words (normal form) are without doubt meant for the field that was asked."""
    match field:
        case "child":
            return leaves_open(text) or (names_child(named) and len(text) <= _SHORT_NAME)
        case "city":
            return named.city is not None and len(text) <= LONGEST["district"]
        case "district":
            return leaves_open(text) or (named.district is not None and len(text) <= LONGEST["district"])
        case "school":
            return leaves_open(text) or _MEANS["school"].fullmatch(text) is not None
        case _:
            return False


def names_child(named: Named) -> bool:
    """Whether words name one of a family's children by its order, or all of them."""
    return named.child is not None or named.all_children


def with_child(form: TicketForm, application_id: str | None) -> TicketForm:
    """Return the form about one of the family's children or, with None, about none of them; its place stays."""
    asked = {*form.to_ask} - {"child"}
    about: dict[str, Any] = dict.fromkeys(("child", "application_id", "closes_at"))
    if chosen := next((one for one in form.children if one.application_id == application_id), None):
        about = {**chosen.model_dump(exclude={"order"}), "place_words": None}
        asked -= {"city", "district", "school"}
    return form.model_copy(update={**about, "to_ask": [one for one in FIELDS if one in asked]})


def without_entry(form: TicketForm) -> TicketForm:
    """Return the form as one that no official answer belongs to."""
    return form.model_copy(update={"entry": None, "branch": None})


def with_field(form: TicketForm, field: FormField, value: str | None) -> TicketForm:
    """Return the form with a field filled or, with None, left open; what depended on it is to be asked anew."""
    asked = {*form.to_ask} - {field}
    changed: dict[str, Any] = {field: value}
    if field == "district" and value:
        changed["place_words"] = None
    if value != getattr(form, field) and field == "city":
        changed |= dict.fromkeys(("district", "school", "place_words", "child", "application_id", "closes_at"))
        asked |= {"district", "school"}
    elif value != getattr(form, field) and field == "district":
        changed |= {"school": None}
        asked |= {"school"}
    after = form.model_copy(update=changed)
    if after.district is None and "district" not in asked:  # a school is found by its district
        asked -= {"school"}
        after = after.model_copy(update={"school": None})
    if not after.question:
        asked |= {"question"}
    return after.model_copy(update={"to_ask": [one for one in FIELDS if one in asked]})
