"""The fields of a ticket's form: what depends on what, and what typed words mean for them."""

from __future__ import annotations

import re
from typing import Any

from bot.actions.entities import EntityReader, Named
from conversations.reply import FormField, TicketForm
from core.scope import City

FIELDS: tuple[FormField, ...] = ("city", "district", "school", "question")
LONGEST_QUESTION = 4000
LONGEST: dict[FormField, int] = {"district": 20, "school": 60}
"""Characters of a field."""
_END = "(?:谢谢您?|了|吧|啊|哦|呢|呀|哈|嘛|的|先|[,.。!?、;: ])*"
_STOP = re.compile(f"(?:算了|取消|不用了|不填了|不写了|不转了|不提交了?|不补充了?|算了不用了?){_END}")
_OPEN = re.compile(
    f"(?:我|俺)?(?:也|还|真)?(?:不知道|不清楚|不晓得|不确定|不记得|没有|没填|跳过|不填|都不是)(?:是?(?:哪个|哪所|什么)(?:区县|区|县|学校))?{_END}"
)
_SEND = re.compile(f"(?:确认|可以|好的?|对的?|是的?|行|嗯)?[, ]?(?:提交|确认|没问题|没有问题){_END}")
_EDIT = re.compile(f"(?:我?(?:要|想))?(?:修改|改一下|改){_END}")
_SCHOOL = re.compile(
    r"[^?,。哪啥怎么]{1,40}(?:小学|学校|一小|二小|三小|四小|五小|校区|中学|附小|实小)[^?吗呢怎么]{0,10}"
)


def wants_to_stop(text: str) -> bool:
    """Whether words (normal form) mean that the parent does not want to go on.

    >>> wants_to_stop("算了吧"), wants_to_stop("算了一下还差三天")
    (True, False)
    """
    return _STOP.fullmatch(text) is not None


def leaves_open(text: str) -> bool:
    """Whether words (normal form) mean that the parent can't tell.

    >>> leaves_open("不知道"), leaves_open("也不清楚是哪个区"), leaves_open("渝北区")
    (True, True, False)
    """
    return _OPEN.fullmatch(text) is not None


def wants_to_send(text: str) -> bool:
    """Whether words (normal form) approve of the form."""
    return _SEND.fullmatch(text) is not None


def wants_to_edit(text: str) -> bool:
    """Whether words (normal form) ask to change the form."""
    return _EDIT.fullmatch(text) is not None


def district_named(reader: EntityReader, named: Named, text: str) -> tuple[City | None, str] | None:
    """Return the district that words name, with its city if that is known; None if they name none that we know."""
    if named.district:
        return named.city, named.district
    found = reader.district(text)
    return (None, found) if found and found != text else None


def fits(field: FormField, text: str, named: Named) -> bool:
    """Whether words (normal form) are without doubt meant for the field that was asked."""
    match field:
        case "city":
            return named.city is not None and len(text) <= LONGEST["district"]
        case "district":
            return leaves_open(text) or (named.district is not None and len(text) <= LONGEST["district"])
        case "school":
            return leaves_open(text) or _SCHOOL.fullmatch(text) is not None
        case "question":
            return False


def with_field(form: TicketForm, field: FormField, value: str | None) -> TicketForm:
    """Return the form with a field filled or, with None, left open; what depended on it is to be asked anew."""
    asked = {*form.to_ask} - {field}
    changed: dict[str, Any] = {field: value}
    if value != getattr(form, field) and field == "city":
        changed |= dict.fromkeys(("district", "school", "child", "closes_at"))
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
