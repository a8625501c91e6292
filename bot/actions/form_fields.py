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
_STOP = re.compile(f"(?:算了(?:不.{{1,6}})?|取消|不用了|不填了|不写了|不转了|不提交了?|不补充了?){_END}")
_OPEN = re.compile(
    "(?:我|俺)?(?:也|还|真)?(?:不知道|不清楚|不晓得|不确定|不记得|忘记?了?|没有|没填|没选|没定|跳过|不填|都不是)"
    f"(?:好|是|在|叫|选)*(?:哪个|哪所|哪一所|什么)?(?:区县|区|县|学校|名字)?{_END}"
)
_YES = "(?:(?:好的?|可以|对的?|是的?|行|嗯|没错|确认|确定|没有?问题)[, ]*)"
_SEND = re.compile(f"(?:{_YES}{{1,3}}|{_YES}{{0,3}}提交(?:申请|工单)?){_END}")
_WRONG = "(?:不对|不是|写错了|错了|有错)[, ]*"
_NAMED: dict[FormField, str] = {"city": "城市", "district": "区县?", "school": "学校", "question": "情况|内容|问题"}
_CHANGE = f"(?:我?(?:要|想))?(?:修改|改)(?:一下|下)?(?:{'|'.join(_NAMED.values())})?|{'|'.join(_NAMED.values())}"
_EDIT = re.compile(f"(?:{_WRONG}|(?:{_WRONG})?(?:{_CHANGE})){_END}")
_MORE = re.compile("(?:还有|另外|再补充|补充|我再说)")
_ASKS = re.compile("怎么|怎样|咋|为什么|为啥|什么|啥|哪|吗|多久|多少|几时|几点|如何|能不能|可不可以|要不要|是不是|[?]")
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


def field_named(text: str) -> FormField | None:
    """Return the field that a wish to change the form (normal form) names, if it names one."""
    return next((field for field, name in _NAMED.items() if wants_to_edit(text) and re.search(name, text)), None)


def adds_more(text: str) -> bool:
    """Whether words (normal form) go on telling what happened: 「还有一点」."""
    return _MORE.match(text) is not None


def asks_something(text: str) -> bool:
    """Whether words (normal form) are a question rather than a name."""
    return _ASKS.search(text) is not None


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
