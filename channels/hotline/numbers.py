"""Read a case number and a code as an agent types them."""

from __future__ import annotations

import re
import unicodedata

from core.errors import ApiError, MalformedRequestError
from core.privacy import mask_personal_data

_HYPHENS = re.compile("[\u2010-\u2015\u2212]")
_NUMBER = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{2,38})[A-Z0-9]")
_CODE = re.compile(r"[0-9]{4,10}")


class PersonalNumberError(ApiError):
    """What was typed is a number of a person and no case number."""

    status, code = 422, "personal_number"


def read_number(typed: str) -> str:
    """Return a case number in capitals, without spaces.

    Raises:
        PersonalNumberError: it looks like an identity or telephone number.
        MalformedRequestError: it is not 4 to 40 letters, digits and hyphens.
    """
    number = _HYPHENS.sub("-", _plain(typed)).upper()
    if mask_personal_data(typed) != typed or mask_personal_data(number) != number:
        raise PersonalNumberError("这像是证件号码或电话号码。请向来电人要办件编号，不要输入证件和电话号码。")
    if not _NUMBER.fullmatch(number):
        raise MalformedRequestError("办件编号是4到40位的字母、数字和短横线，请核对后重新输入。")
    return number


def read_code(typed: str) -> str:
    """Return a one-time code without spaces.

    Raises:
        MalformedRequestError: it is not 4 to 10 digits; nothing was tried with it.
    """
    code = _plain(typed)
    if not _CODE.fullmatch(code):
        raise MalformedRequestError("验证码只有数字，请核对后重新输入。这次没有计入次数。")
    return code


def _plain(typed: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", typed))
