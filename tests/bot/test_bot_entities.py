"""What a message names, read without Rasa."""

from __future__ import annotations

import pytest

from bot.actions.entities import EntityReader, Named
from bot.components.entity_rules import load_patterns
from core.scope import CITIES
from knowledge.loader import load_knowledge
from retrieval.normalise import normalise

PATTERNS = load_patterns()
NOTHING = Named()


@pytest.fixture(scope="module")
def reader() -> EntityReader:
    return EntityReader()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("渝快办刷脸查不到孩子", Named("chongqing")),
        ("愉快办登不上", Named("chongqing")),
        ("渝块办打不开", Named("chongqing")),
        ("YUKUAIBAN打不开", Named("chongqing")),
        ("爱山东密码忘了", Named("qingdao")),
        ("愛山東密碼忘了", Named("qingdao")),
        ("今天第一次登爱山东", Named("qingdao")),
        ("青e办还能用吗", Named("qingdao")),
        ("重庆的", Named("chongqing")),
        ("重慶的", Named("chongqing")),
        ("我是青岛的", Named("qingdao")),
        ("岛城", Named("qingdao")),
        ("市北区的学校什么时候报名", Named("qingdao", "市北区")),
        ("我在市北", Named("qingdao", "市北区")),
        ("青岛市市北区", Named("qingdao", "市北区")),
        ("市南区", Named("qingdao", "市南区")),
        ("黄岛西海岸新区", Named("qingdao", "黄岛区")),
        ("胶州", Named("qingdao", "胶州市")),
        ("渝北户口能报吗", Named("chongqing", "渝北区")),
        ("我家在渝北区", Named("chongqing", "渝北区")),
        ("重庆市渝北区", Named("chongqing", "渝北区")),
        ("渝北区", Named("chongqing", "渝北区")),
        ("北碚", Named("chongqing", "北碚区")),
        ("北培的", Named("chongqing", "北碚区")),
        ("忠县", Named("chongqing", "忠县")),
        ("彭水", Named("chongqing", "彭水县")),
        ("两江新区的小学", Named("chongqing", "两江新区")),
        ("重庆江北区", Named("chongqing", "江北区")),
        ("小升初在渝北", Named("chongqing", "渝北区", "小升初")),
        ("崂山区读一年级", Named("qingdao", "崂山区", "幼升小")),
        ("孩子上小学", Named(stage="幼升小")),
        ("读初中", Named(stage="小升初")),
        ("我家老二", Named(child=2)),
        ("老大小升初", Named(stage="小升初", child=1)),
        ("小的那个怎么样了", Named(child=2)),
        ("三对口是什么意思", Named("chongqing")),
        ("子女信息维护怎么弄", Named("chongqing")),
        ("重庆和青岛哪个好", NOTHING),
        ("我从重庆迁到青岛", NOTHING),
        ("渝北转到青岛上学", NOTHING),
        ("渝中区和市北区", NOTHING),
        ("爱山东和渝快办哪个好用", NOTHING),
        ("三对口在青岛有吗", NOTHING),
        ("江北", NOTHING),
        ("高新区", NOTHING),
        ("我在北京", NOTHING),
        ("成都武侯区", NOTHING),
        ("两个孩子", Named(all_children=True)),
        ("身份证号被占用", NOTHING),
        ("明天下雨吗", NOTHING),
        ("", NOTHING),
    ],
)
def test_what_a_message_names(reader: EntityReader, text: str, named: Named) -> None:
    assert reader.read(normalise(text)) == named


def test_scope_is_told_by_city_district_or_stage_only() -> None:
    assert Named("qingdao").tells_scope
    assert Named(stage="幼升小").tells_scope
    assert not Named(child=1).tells_scope
    assert not NOTHING.tells_scope


@pytest.mark.parametrize(
    "text",
    [
        "合川",
        "我是武隆的",
        "我们在北碚区",
        "我家住彭水",
        "娃在铜梁读书",
        "那青岛的呢",
        "换成重庆",
        "在渝北报名",
        "用渝快办",
        "孩子在忠县。",
    ],
)
def test_a_place_and_the_words_around_it_tell_the_place_only(reader: EntityReader, text: str) -> None:
    assert reader.read(normalise(text)).city
    assert reader.only_tells_scope(normalise(text))


@pytest.mark.parametrize(
    "text",
    [
        "渝北区刷脸查不到孩子",
        "渝北报名",
        "渝快办怎么注册",
        "重庆几个账号能绑",
        "青岛的审核通过了吗",
        "合川和渝北怎么选",
        "北碚的截止了没",
        "我们户口在合川",
        "我老家是青岛的",
        "娃是青岛生的",
    ],
)
def test_a_place_with_anything_else_may_be_a_question(reader: EntityReader, text: str) -> None:
    assert not reader.only_tells_scope(normalise(text))


def test_no_question_only_tells_a_place(reader: EntityReader) -> None:
    known = load_knowledge()
    asked = [question for entry in known.entries.values() for question in (entry.question, *entry.similar_questions)]
    asked += [miss.q for miss in known.near_misses]
    assert [question for question in asked if reader.only_tells_scope(normalise(question))] == []


def test_rasas_entities_are_read_like_ours(reader: EntityReader) -> None:
    found = [
        {"entity": "platform", "value": "YUKUAIBAN", "confidence": None},
        {"entity": "district", "value": "北培"},
        {"entity": "date", "value": "明天"},
        {"entity": "weather", "value": "下雨"},
    ]
    assert reader.from_rasa(found, "") == Named("chongqing", "北碚区")
    assert reader.from_rasa([], "三对口是什么") == Named("chongqing")


@pytest.mark.parametrize("label", PATTERNS["phrases"])
def test_every_form_is_found_and_leads_to_its_value(reader: EntityReader, label: str) -> None:
    lost = []
    for canonical, surfaces in PATTERNS["phrases"][label].items():
        for surface in surfaces:
            entities = [(e.label_, e.ent_id_) for e in reader._pipeline(surface).ents]
            lost += [] if entities == [(label, canonical)] else [(surface, entities)]
    assert lost == []


@pytest.mark.parametrize(
    ("text", "label", "found"),
    [
        ("办件CQ2026-0417-0031到哪了", "case_number", "CQ2026-0417-0031"),
        ("cq2026-0417-0031", "case_number", "cq2026-0417-0031"),
        ("qd2026-0612-0007", "case_number", "qd2026-0612-0007"),
        ("5月6日提交的", "date", "5月6日"),
        ("5月6号提交的", "date", "5月6号"),
        ("9月份开学", "date", "9月份"),
        ("昨天交的", "date", "昨天"),
        ("户口本丢了", "document_kind", "户口本"),
        ("不动产权证", "document_kind", "不动产权证"),
    ],
)
def test_case_numbers_dates_and_documents_are_found(reader: EntityReader, text: str, label: str, found: str) -> None:
    assert (label, found) in [(e.label_, e.text) for e in reader._pipeline(text).ents]


def test_every_district_and_platform_lies_in_one_city() -> None:
    districts = [district for city in CITIES for district in PATTERNS["district_city"][city]]
    assert sorted(districts) == sorted(PATTERNS["phrases"]["district"])
    assert set(PATTERNS["platform_city"]) == set(PATTERNS["phrases"]["platform"])
    assert set(PATTERNS["system_terms"]) == set(CITIES)


def test_no_form_means_two_things() -> None:
    forms = [s.lower() for values in PATTERNS["phrases"].values() for surfaces in values.values() for s in surfaces]
    assert sorted(forms) == sorted(set(forms))
