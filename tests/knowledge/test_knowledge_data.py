"""What must hold of the real knowledge, of Rasa's examples made from it, and of the development set beside it."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from core.scope import CITIES, City, Scope
from core.settings import ROOT
from evaluation.questions import load_questions
from knowledge.importer import squeeze
from knowledge.loader import Knowledge, load_knowledge
from knowledge.nlu import nlu_files, topic_examples
from retrieval.normalise import normalise

NLU = ROOT / "bot/data/nlu"
KNOWN = load_knowledge()
ENTRIES = list(KNOWN.entries.values())
IDS = [entry.id for entry in ENTRIES]
DEVELOPMENT = load_questions(ROOT / "evaluation/sets/development.jsonl", KNOWN.entries)
_RAW = {
    "chongqing": (ROOT / "knowledge/sources/chongqing-2025-batch3.txt").read_text(encoding="utf-8"),
    "qingdao": (ROOT / "knowledge/sources/qingdao-primary.txt").read_text(encoding="utf-8"),
}
PERIOD_ENDED = date(2025, 8, 31)


def fold(text: str) -> str:
    """Return a question without case, punctuation and space."""
    return re.sub(r"[\W_]+", "", normalise(text))


def questions_by_city(known: Knowledge) -> dict[City, dict[str, set[str]]]:
    """Return city → folded question → the entries that it stands under, in any list."""
    found: dict[City, dict[str, set[str]]] = {city: defaultdict(set) for city in CITIES}
    for entry in known.entries.values():
        named = (*entry.similar.branches.values(), *entry.similar.contrasts.values())
        branches = [q for questions in named for q in questions]
        for question in (entry.question, *entry.similar_questions, *branches, *entry.similar.undecided):
            found[entry.city][fold(question)].add(entry.id)
    return found


BY_CITY = questions_by_city(KNOWN)


def training_questions() -> Iterator[str]:
    """Yield everything that retrieval or Rasa learns from."""
    for questions in BY_CITY.values():
        yield from questions
    yield from (fold(miss.q) for miss in KNOWN.near_misses)
    for path in sorted(NLU.glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in block.get("examples", "").splitlines():
                yield fold(re.sub(r"\[([^\]]*)\]\([^)]*\)|\{[^}]*\}", r"\1", line.removeprefix("- ")))


def test_entries_are_the_47_of_the_list() -> None:
    with (ROOT / "knowledge/entry-ids.tsv").open(encoding="utf-8") as file:
        rows = [
            (row["id"], row["city"], row["number"], row["question"]) for row in csv.DictReader(file, delimiter="\t")
        ]
    assert [(e.id, e.city, e.number, e.question) for e in ENTRIES] == rows
    assert len(rows) == 47


@pytest.mark.parametrize("entry_id", IDS)
def test_answer_stands_in_the_published_text(entry_id: str) -> None:
    entry = KNOWN.entries[entry_id]
    assert squeeze(entry.answer) in squeeze(_RAW[entry.city])
    assert squeeze(entry.question) in squeeze(_RAW[entry.city])


def test_answers_leave_nothing_of_the_documents_out() -> None:
    for city in CITIES:
        rest = squeeze(
            re.sub(
                r"(?m)^(您即将离开|给大家整理|本文转载自|另外今年|2025年度).*$|^[QA]\d+$|^\d+\.(?=.*\?$)|^答:",
                "",
                _RAW[city],
            )
        )
        for entry in KNOWN.of_city(city):
            rest = rest.replace(squeeze(entry.answer), "", 1).replace(squeeze(entry.question), "", 1)
        assert rest == ""


@pytest.mark.parametrize("entry_id", IDS)
def test_no_space_between_han_characters_or_before_a_mark(entry_id: str) -> None:
    assert not re.search(r"[\u3400-\u9fff][ \t\u3000]+[\u3400-\u9fff]", KNOWN.entries[entry_id].answer)
    assert not re.search(
        r"[ \t\u3000][,;:!?)\uff0c\u3002\uff1b\uff1a\uff01\uff1f\u3001]", KNOWN.entries[entry_id].answer
    )


@pytest.mark.parametrize(
    ("entry_id", "verbatim"),
    [
        ("qd-c03", "请家长登录招生平台"),
        ("qd-a05", "省统一身份认证"),
        ("qd-b02", "可以退出招生平台和APP,重新打开APP"),
        ("qd-a06", "可重启 APP尝试"),
        ("cq-01", "新增子女。 手机端报名通道"),
        ("cq-05", "一致。 2.适龄儿童"),
        ("qd-c01", "通过两个渠道了解:\n1、"),
        ("cq-16", "卖买双方"),
        ("qd-b08", "点击【信息删除】后。重新填写。"),
    ],
)
def test_slips_and_spaces_of_the_source_stay(entry_id: str, verbatim: str) -> None:
    assert verbatim in KNOWN.entries[entry_id].answer


@pytest.mark.parametrize("entry_id", IDS)
def test_entry_has_at_least_80_different_similar_questions(entry_id: str) -> None:
    questions = KNOWN.entries[entry_id].similar_questions
    assert len(questions) >= 80
    assert len({fold(question) for question in questions}) >= 80


@pytest.mark.parametrize("city", CITIES)
def test_no_question_stands_under_two_entries_of_a_city(city: City) -> None:
    assert {q: sorted(ids) for q, ids in BY_CITY[city].items() if len(ids) > 1} == {}


@pytest.mark.parametrize("city", CITIES)
def test_no_near_miss_is_a_question_that_an_entry_of_its_city_answers(city: City) -> None:
    misses = [miss.q for miss in KNOWN.near_misses if miss.city in (city, None)]
    assert [q for q in misses if fold(q) in BY_CITY[city]] == []


def test_enough_is_known_not_to_be_answered() -> None:
    assert len({fold(miss.q) for miss in KNOWN.near_misses}) >= 1_000
    assert len({fold(miss.q) for miss in KNOWN.near_misses if miss.near}) >= 700


def test_every_entry_has_near_misses() -> None:
    near = Counter(entry_id for miss in KNOWN.near_misses for entry_id in miss.near)
    assert [entry_id for entry_id in IDS if not near[entry_id]] == []


def test_every_entry_answers_a_follow_up_and_many_have_no_answer() -> None:
    answering = Counter(entry_id for pair in KNOWN.follow_ups for entry_id in pair.expect)
    assert [entry_id for entry_id in IDS if answering[entry_id] < 3] == []
    assert sum(not pair.expect for pair in KNOWN.follow_ups) >= 400


def test_no_follow_up_stands_twice() -> None:
    pairs = Counter((fold(pair.before), fold(pair.q)) for pair in KNOWN.follow_ups)
    assert [pair for pair, times in pairs.items() if times > 1] == []


@pytest.mark.parametrize("entry_id", [entry.id for entry in ENTRIES if entry.asks_branch])
def test_entry_that_asks_for_a_branch_has_branches_to_offer(entry_id: str) -> None:
    entry = KNOWN.entries[entry_id]
    assert len(entry.branches) >= 2
    assert len({branch.label for branch in entry.branches}) == len(entry.branches)
    assert all(set(branch.text) - set(" \n") for branch in entry.branches)


@pytest.mark.parametrize("entry_id", ["cq-11", "qd-b02", "cq-19"])
def test_answers_with_cases_have_branches(entry_id: str) -> None:
    assert len(KNOWN.entries[entry_id].branches) == {"cq-11": 2, "qd-b02": 4, "cq-19": 2}[entry_id]


def test_labels_of_options_differ_within_a_city() -> None:
    for city in CITIES:
        labels = [entry.label for entry in KNOWN.of_city(city)]
        assert sorted(labels) == sorted(set(labels))


def test_documents_are_told_as_the_design_gives_them() -> None:
    chongqing, qingdao = KNOWN.documents["cq-2025-3"], KNOWN.documents["qd-primary"]
    assert chongqing.title == "教育入学“一件事”第三批次“子女信息维护”常见问题解答"
    assert (chongqing.publisher, chongqing.official) == ("重庆市人民政府网站", True)
    assert (chongqing.year, chongqing.batch) == (2025, "第三批次")
    assert chongqing.districts == ("渝北区", "忠县", "彭水县", "铜梁区", "合川区", "北碚区")
    assert qingdao.title == "青岛小学入学网上信息采集常见问题答疑"
    assert (qingdao.publisher, qingdao.official) == ("青岛小学圈(转载)", False)
    assert (qingdao.year, qingdao.batch) == (None, None)


@pytest.mark.parametrize(
    ("document", "scope", "on", "notes"),
    [
        ("cq-2025-3", Scope("chongqing", "渝北区", "幼升小"), date(2025, 8, 31), ""),
        (
            "cq-2025-3",
            Scope("chongqing", "渝北区", "小升初"),
            date(2025, 9, 1),
            "2025年度第三批次口径,以当年官方通知为准",
        ),
        ("cq-2025-3", Scope("chongqing"), date(2025, 9, 1), "2025年度第三批次口径,以当年官方通知为准"),
        ("cq-2025-3", Scope("chongqing", "渝中区"), date(2025, 6, 1), "其他区县的时间安排不同"),
        ("cq-2025-3", Scope("chongqing", "渝中区"), date(2026, 6, 1), "以当年官方通知为准 其他区县的时间安排不同"),
        (
            "qd-primary",
            Scope("qingdao", "市北区", "幼升小"),
            date(2025, 6, 1),
            "转载内容,部分为往年口径,以当年官方通知为准",
        ),
        ("qd-primary", Scope("qingdao", None, "小升初"), date(2025, 6, 1), "转载内容 只讲小学入学"),
    ],
)
def test_notes_shown_with_an_answer(document: str, scope: Scope, on: date, notes: str) -> None:
    shown = KNOWN.documents[document].notes_for(scope, on, PERIOD_ENDED)
    assert len(shown) == len(notes.split())
    assert all(part in note for part, note in zip(notes.split(), shown, strict=True))


def test_rasas_topic_examples_are_made_from_the_knowledge() -> None:
    made = nlu_files(KNOWN)
    written = {topic: (NLU / f"{topic}.yml").read_text(encoding="utf-8") for topic in made}
    assert [topic for topic in made if written[topic] != made[topic]] == [], "run `helpdesk knowledge nlu`"


@pytest.mark.parametrize("path", sorted(NLU.glob("*.yml")), ids=lambda path: path.stem)
def test_rasas_file_has_the_examples_of_the_intent_of_its_name(path: Path) -> None:
    intents = {block["intent"] for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]}
    assert len(intents) == 1
    assert path.stem.startswith(intents.pop())


def test_no_example_is_annotation_to_rasa() -> None:
    for text in nlu_files(KNOWN).values():
        assert not [line for line in text.splitlines()[5:] if set(line) & set("[]{}")]


def test_every_topic_is_an_intent() -> None:
    intents = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"]
    assert set(topic_examples(KNOWN)) <= set(intents)


def test_development_set_shares_no_question_with_training_data() -> None:
    trained = set(training_questions())
    assert [question.q for question in DEVELOPMENT if fold(question.q) in trained] == []


def test_development_set_shares_no_follow_up_with_those_that_judges_are_tuned_on() -> None:
    tuned_on = {(fold(pair.before), fold(pair.q)) for pair in KNOWN.follow_ups}
    assert [q for q in DEVELOPMENT if q.context and (fold(q.context), fold(q.q)) in tuned_on] == []


@pytest.mark.parametrize("entry_id", IDS)
def test_entry_has_at_least_10_development_questions(entry_id: str) -> None:
    assert len({fold(q.q) for q in DEVELOPMENT if entry_id in q.expect}) >= 10


def test_development_set_is_large_enough() -> None:
    kinds = Counter(question.kind for question in DEVELOPMENT)
    assert kinds["near_miss"] >= 150
    assert kinds["off_topic"] >= 60
    assert kinds["follow_up"] > 0
    assert kinds["two_in_one"] > 0
    assert {question.city for question in DEVELOPMENT} == {*CITIES, None}


def test_development_set_asks_nothing_twice() -> None:
    keys = Counter((q.city, fold(q.context or ""), fold(q.q)) for q in DEVELOPMENT)
    assert [key for key, times in keys.items() if times > 1] == []


def test_branches_of_the_development_set_exist() -> None:
    branches = {entry.id: {branch.id for branch in entry.branches} for entry in ENTRIES}
    labelled = [question for question in DEVELOPMENT if question.branch]
    assert [q.q for q in labelled if q.branch not in set().union(*(branches[i] for i in q.expect))] == []
    assert labelled
