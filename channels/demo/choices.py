"""What a visitor of the demo page can choose: places that the Q&A names, and the invented families."""

from __future__ import annotations

from typing import Literal

FamilyId = Literal["cq-zhang", "cq-liu", "cq-chen", "qd-wang", "qd-sun-father", "qd-sun-mother", "nobody"]

CITIES: dict[str, str] = {"": "不指定", "chongqing": "重庆（渝快办）", "qingdao": "青岛（爱山东）"}

DISTRICTS: dict[str, list[str]] = {
    "chongqing": ["渝北区", "忠县", "彭水县", "铜梁区", "合川区", "北碚区", "渝中区"],
    "qingdao": ["市南区", "市北区", "李沧区", "崂山区", "城阳区", "黄岛区", "即墨区"],
}

STAGES: dict[str, str] = {"": "不指定", "幼升小": "幼升小", "小升初": "小升初"}

FAMILIES: dict[str, str] = {
    "": "未登录",
    "cq-zhang": "张家（重庆渝北区，待审核）",
    "cq-liu": "刘家（重庆北碚区，需要补正）",
    "cq-chen": "陈家（重庆合川区，审核中）",
    "qd-wang": "王家（青岛，双胞胎）",
    "qd-sun-father": "孙家父亲（青岛，初审）",
    "qd-sun-mother": "孙家母亲（青岛，没有自己的办件）",
    "nobody": "没有办件的家长",
}

MODES: dict[str, str] = {"inline": "嵌在页面里", "floating": "右下角按钮"}
