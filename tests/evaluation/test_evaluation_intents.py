from __future__ import annotations

from pathlib import Path

import pytest
from answering_server import TinyDesk
from replies_made import question

from evaluation.intents import expected_turns, parse_all, sum_up, turn_of
from evaluation.run import ServiceError
from knowledge.loader import load_knowledge


@pytest.mark.parametrize(
    ("intent", "turn"),
    [
        ("materials", "question"),
        ("case_status", "case_status"),
        ("ask_human", "human_handoff"),
        ("thank", "chitchat"),
        ("out_of_scope", "out_of_scope"),
    ],
)
def test_each_intent_leads_to_a_kind_of_turn(intent: str, turn: str) -> None:
    assert turn_of(intent) == turn


def test_an_unanswerable_question_may_be_taken_for_off_topic() -> None:
    assert expected_turns(question()) == {"question", "out_of_scope"}
    assert expected_turns(question(expect=["cq-10"])) == {"question"}
    assert expected_turns(question(intent="chitchat")) == {"chitchat"}


def test_rasa_is_asked_and_topic_and_turn_are_judged(desk: TinyDesk, tmp_path: Path) -> None:
    asked = [
        question("刷脸查不到", expect=["cq-10"], kind="short"),
        question("传什么材料", expect=["cq-23"], kind="short"),
        question("你好", intent="chitchat", kind="small_talk"),
        question("我娃录取没", intent="case_status", kind="own_case"),
    ]
    result = sum_up(parse_all(asked, desk.url, load_knowledge()))
    assert result.topic_right == 0.5
    assert result.turn_right == 0.75
    assert result.turn_right_by_kind == {"own_case": 0.0, "short": 1.0, "small_talk": 1.0}
    assert [miss.question.q for miss in result.misses] == ["传什么材料", "我娃录取没"]
    assert "case_status → face_scan_no_child (0.80)  我娃录取没" in str(result)
    result.draw(tmp_path / "intents.png")
    assert (tmp_path / "intents.png").stat().st_size > 1000


def test_a_rasa_without_its_api_is_named() -> None:
    with pytest.raises(ServiceError, match="is Rasa up, with --enable-api"):
        parse_all([question()], "http://127.0.0.1:9", load_knowledge())
