"""Leave a greeting before and thanks after a question out of what Rasa reads, so that they don't hide what is asked."""

from __future__ import annotations

import re

_PAUSE = "[,。!~、 ]*"
_HELLO = "(?:老师|客服|管理员)?(?:您好|你好|早上好|上午好|中午好|下午好|晚上好|hello|hi)(?:老师|客服)?"
_THANK = "(?:谢谢|多谢|感谢|谢了|麻烦|辛苦|拜托)(?:您|你|老师|了|啦|哈|啊|各位)*"
_GREETING = re.compile(f"^(?:{_HELLO}{_PAUSE})+(?=(?:.*?[0-9a-z\u3400-\u9fff]){{8}})")
_THANKS = re.compile(f"(?<=[0-9a-z\u3400-\u9fff]{{4}}){_PAUSE}[?]*(?:{_THANK}{_PAUSE})+$")


def without_courtesies(text: str) -> str:
    """Return a message (normal form) without greeting and thanks; with them where too little would be left.

    >>> without_courtesies("你好,请查询我孩子的报名进度,谢谢")
    '请查询我孩子的报名进度'
    >>> without_courtesies("下午好,第一次用这个")
    '下午好,第一次用这个'
    """
    return _THANKS.sub("", _GREETING.sub("", text))
