from __future__ import annotations

from pathlib import Path

import pytest
from peers_made import INPUTS, report_on
from replies_made import answer, offer, options, question, reply

from evaluation.baselines import Baseline
from evaluation.calibration import CurvePoint
from evaluation.compare import compare, main
from evaluation.floors import FloorsError, check_floors, load_floors
from evaluation.peers.report import Kept
from evaluation.questions import Question
from evaluation.replies import Reply
from evaluation.report import misses, reason_of, write_report
from evaluation.results import Result, ResultError, load_result, make_result

ASKED = [
    question("刷脸查不到孩子", expect=["cq-10"], kind="short"),
    question("名字不对<b>", expect=["cq-11"], kind="typo", branch="renamed"),
    question("双胞胎能分开报吗", kind="near_miss"),
    question("那奶奶名下的呢", expect=["cq-17"], context="爷爷的房", kind="follow_up"),
    question("你好", None, intent="chitchat", kind="small_talk"),
]
SAID = [
    reply("answer", answer("cq-13"), confidence=0.91, outcome="answered"),
    reply("answer", answer("cq-11", "身份证号码不对")),
    reply("answer", answer("cq-08"), confidence=0.6),
    reply("clarify", options("which", offer("cq-07")), confidence=0.3),
    reply("small_talk"),
]


def result_of(said: list[Reply], asked: list[Question] | None = None) -> Result:
    return make_result(asked or ASKED, said, {}, {"config": {"knowledge": "abc"}})


def test_the_report_has_its_files_and_names_the_misses(tmp_path: Path) -> None:
    result = result_of(SAID)
    baseline = Baseline("BM25", 0.5, 0.4, (CurvePoint(3.0, 0.5, 0.1),))
    comparison = compare(result_of([SAID[4]] * 5), result)
    page = write_report(result, tmp_path / "report", check_floors(result, load_floors()), [baseline], comparison)
    pictures = {path.name for path in page.parent.glob("*.png")}
    assert pictures == {"confusion.png", "coverage_risk.png", "reliability.png"}
    text = page.read_text(encoding="utf-8")
    for expected in (
        "刷脸查不到孩子",
        "answered cq-13",
        "双胞胎能分开报吗",
        "answered cq-08",
        "after: 爷爷的房",
        "offered cq-07",
    ):
        assert expected in text
    assert "名字不对&lt;b&gt;" in text
    assert "below its floor" in text
    assert "BM25" in text
    assert load_result(page.parent / "result.json") == result


@pytest.mark.parametrize("current", [True, False])
def test_figures_of_rasa_alone_are_marked_where_they_are_of_older_data(tmp_path: Path, current: bool) -> None:
    kept = Kept(report_on(INPUTS), current)
    text = write_report(result_of(SAID), tmp_path, peers=kept).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if kept.report.peers[0].name in line)
    assert "87.6 %" in row
    assert "54.3 %" in row
    assert ("of older data" in row) is not current


def test_misses_come_gravest_first_and_what_went_well_is_not_among_them() -> None:
    found = misses(result_of(SAID).rows)
    assert list(found) == ["wrong", "false_answer", "missed", "branch"]
    assert [row.question.q for part in found.values() for row, _ in part] == [
        q.q for q in [ASKED[0], ASKED[2], ASKED[3], ASKED[1]]
    ]


def test_a_right_answer_with_another_beside_it_is_named_too() -> None:
    said = reply("answer", answer("cq-10"), answer("cq-06"))
    found = misses(result_of([said], ASKED[:1]).rows)
    assert [reason for _, reason in found["extra_answer"]] == ["answer; confidence 0.90; answered cq-10, cq-06"]


def test_a_report_of_nothing_wrong_builds_too(tmp_path: Path) -> None:
    page = write_report(result_of(SAID[4:], ASKED[4:]), tmp_path)
    assert "<p>None.</p>" in page.read_text(encoding="utf-8")


def test_the_reason_tells_what_was_said_instead() -> None:
    (row, *_) = result_of(SAID).rows
    assert reason_of(row) == "answer/answered; confidence 0.91; answered cq-13"
    failed = result_of([Reply(kind="error", failure="HTTP 500 x")], ASKED[:1]).rows[0]
    assert reason_of(failed) == "HTTP 500 x"


def test_first_choices_are_calibrated_with_the_replys_confidence() -> None:
    calibration = result_of(SAID).figures["calibration"]
    assert calibration == {"questions": 3, "error": 0.47}


def test_floors_are_missed_from_their_side_and_unmeasured_ones_are_not() -> None:
    checked = {one.floor.name: one for one in check_floors(result_of(SAID), load_floors())}
    assert checked["answerable.correct"].missed
    assert checked["unanswerable.false_answer"].missed
    floor = checked["unanswerable.false_answer"].floor.floor
    assert f"at most {floor:.1%}" in str(checked["unanswerable.false_answer"])
    assert not checked["intents.right"].missed
    assert checked["intents.right"].reached
    assert checked["two_in_one.correct"].value is None
    assert not checked["two_in_one.correct"].missed


def test_a_figure_that_was_needed_and_not_measured_is_missed() -> None:
    nothing = Result(run={}, figures={}, kinds={}, rows=[])
    checked = check_floors(nothing, load_floors(), needed=True)
    assert [one for one in checked if not one.missed] == []
    assert "not measured" in str(checked[0])
    measured = {one.floor.name: one.missed for one in check_floors(result_of(SAID), load_floors(), needed=True)}
    assert measured["two_in_one.correct"]
    assert not measured["intents.right"]


def test_a_target_is_never_easier_than_its_floor() -> None:
    for floor in load_floors():
        assert floor.target <= floor.floor if floor.better == "lower" else floor.target >= floor.floor, floor.name


def test_broken_floors_are_named(tmp_path: Path) -> None:
    (tmp_path / "floors.yml").write_text("- {name: x}", encoding="utf-8")
    with pytest.raises(FloorsError, match=r"floors.yml: not a list of floors"):
        load_floors(tmp_path / "floors.yml")


def test_two_results_are_compared_question_by_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    better = [reply("answer", answer("cq-10")), *SAID[1:4], reply("answer")]
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    result_of(SAID).save(before)
    result_of(better).save(after)
    found = compare(load_result(before), load_result(after))
    assert (found.common, len(found.gained), len(found.lost), found.p) == (5, 1, 1, 1.0)
    assert main([str(before), str(after)]) == 0
    out = capsys.readouterr().out
    assert "+ 刷脸查不到孩子  [wrong cq-13 → correct cq-10]" in out
    assert "- 你好  [right small_talk → other_kind answer]" in out
    assert main([str(before)]) == 2
    assert main([str(before), str(tmp_path / "none.json")]) == 2


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ResultError, match="no result of `helpdesk evaluate"):
        load_result(tmp_path / "x.json")
