from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from peers_made import INPUTS, report_on
from replies_made import question

from cli.peers import keep_up_to_date
from core.scope import CITIES
from evaluation.peers.measure import choice_of, figures_of, texts_for
from evaluation.peers.project import PEERS, Peer, write_project
from evaluation.peers.report import (
    FOLDER,
    Inputs,
    PeerReportError,
    as_markdown,
    inputs_of,
    load_kept,
    rasa_version,
)
from evaluation.peers.training import Epoch, PeerError, rank, read_epochs, train
from evaluation.questions import DEVELOPMENT, load_questions
from knowledge.loader import Knowledge, load_knowledge
from retrieval.corpus import Example

DIET, SELECTOR = PEERS
EXAMPLES = [
    Example("坐落里有个怪字(土字旁)[朋]", "cq-10", None, 0),
    Example("刷脸查不到孩子", "cq-10", None, 1),
    Example("今天中午吃什么", "none", None, -1, asks=False),
]


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: str(peer.component["name"]))
def test_a_project_holds_every_example_word_for_word_under_its_label(peer: Peer, tmp_path: Path) -> None:
    write_project(peer, EXAMPLES, tmp_path / "p")
    data = json.loads((tmp_path / "p/nlu.json").read_text(encoding="utf-8"))["rasa_nlu_data"]["common_examples"]
    assert [(one["text"], peer.entry(one["intent"])) for one in data] == [(e.text, e.entry) for e in EXAMPLES]


def test_entries_are_intents_for_diet_and_response_keys_for_the_selector(tmp_path: Path) -> None:
    def domain_of(peer: Peer) -> Any:
        write_project(peer, EXAMPLES, tmp_path / str(peer.component["name"]))
        return yaml.safe_load((tmp_path / str(peer.component["name"]) / "domain.yml").read_text(encoding="utf-8"))

    assert domain_of(DIET)["intents"] == ["cq-10", "none"]
    selector = domain_of(SELECTOR)
    assert selector["intents"] == ["faq"]
    assert sorted(selector["responses"]) == ["utter_faq/cq-10", "utter_faq/none"]


def test_a_project_is_trained_with_the_peers_component_and_told_all_labels(tmp_path: Path) -> None:
    write_project(SELECTOR.with_epochs(3), EXAMPLES, tmp_path / "p")
    pipeline = yaml.safe_load((tmp_path / "p/config.yml").read_text(encoding="utf-8"))["pipeline"]
    assert pipeline[0]["name"] == "JiebaTokenizer"
    assert (pipeline[-1]["name"], pipeline[-1]["epochs"], pipeline[-1]["ranking_length"]) == ("ResponseSelector", 3, 0)
    assert SELECTOR.component["epochs"] != 3


def test_the_surest_entry_is_chosen_and_what_is_no_entry_never() -> None:
    known = {"cq-10", "cq-11"}
    assert choice_of(SELECTOR, [("faq/none", 0.6), ("faq/cq-11", 0.3), ("faq/cq-10", 0.1)], known) == ("cq-11", 0.3)
    assert choice_of(DIET, [("cq-10", 0.2), ("cq-11", 0.8)], known) == ("cq-11", 0.8)
    assert choice_of(DIET, [("restart", 1.0)], known) == ("", 0.0)
    assert choice_of(DIET, [], known) == ("", 0.0)


def test_figures_follow_from_the_rankings_as_for_the_baselines() -> None:
    asked = [question("甲", expect=["cq-10"]), question("乙", expect=["cq-11"]), question("无", "qingdao")]
    asked += [question("丙", None, expect=["qd-b05"]), question("丁", intent="chitchat")]
    chongqing = {
        "甲": [("faq/none", 0.6), ("faq/cq-10", 0.4)],
        "乙": [("faq/cq-10", 0.8), ("faq/cq-11", 0.2)],
        "丙": [("faq/cq-10", 0.3), ("faq/none", 0.7)],
    }
    qingdao = {"无": [("faq/none", 0.5), ("faq/qd-a03", 0.5)], "丙": [("faq/qd-b05", 0.9), ("faq/none", 0.1)]}
    rankings = {"chongqing": chongqing, "qingdao": qingdao}
    found = figures_of(SELECTOR, rankings, asked, {"cq-10", "cq-11", "qd-a03", "qd-b05"})
    assert found.forced == pytest.approx(2 / 3)
    assert found.guarded == pytest.approx(1 / 3)


def test_a_citys_model_is_asked_its_own_questions_and_those_without_a_city() -> None:
    asked = [question("甲", "chongqing"), question("乙", "qingdao"), question("丙", None), question("甲", "chongqing")]
    assert texts_for("chongqing", asked) == ["甲", "丙"]
    assert texts_for("qingdao", asked) == ["乙", "丙"]


def test_epochs_are_read_from_rasas_progress_bar() -> None:
    log = (
        "Epochs:   0%|          | 0/2 [00:00<?, ?it/s]\r"
        "Epochs:  50%|█████     | 1/2 [00:55<00:55, 55.37s/it]\r"
        "Epochs:  50%|█████     | 1/2 [00:55<00:55, 55.37s/it, t_loss=33.1, r_acc=0.647]\r"
        "Epochs: 100%|██████████| 2/2 [02:02<00:00, 62.52s/it, t_loss=33.1, r_acc=0.647]\r"
        "Epochs: 100%|██████████| 2/2 [02:02<00:00, 62.52s/it, t_loss=9e-05, r_acc=0.92] \n"
    )
    assert read_epochs(log) == (Epoch(33.1, 0.647), Epoch(9e-05, 0.92))


def test_the_inputs_change_with_training_questions_development_set_and_configuration(knowledge: Knowledge) -> None:
    asked = [question("甲", expect=["cq-10"]), question("乙", intent="chitchat")]
    before = inputs_of(knowledge, asked)
    assert inputs_of(load_knowledge(), asked) == before

    fewer = replace(knowledge, near_misses=knowledge.near_misses[1:])
    assert changed(before, inputs_of(fewer, asked)) == {"training"}
    assert changed(before, inputs_of(knowledge, [question("甲", expect=["cq-11"]), asked[1]])) == {"questions"}
    assert changed(before, inputs_of(knowledge, asked[:1])) == set()
    assert changed(before, inputs_of(knowledge, asked, [PEERS[0].with_epochs(99), PEERS[1]])) == {"config"}


def changed(before: Inputs, after: Inputs) -> set[str]:
    return {name for name in Inputs.model_fields if getattr(before, name) != getattr(after, name)}


def test_rasas_version_is_the_pinned_one(tmp_path: Path) -> None:
    (tmp_path / "rasa.txt").write_text("rasa-sdk==3.6.2\nrasa==3.6.21\n", encoding="utf-8")
    assert rasa_version(tmp_path / "rasa.txt") == "3.6.21"
    (tmp_path / "rasa.txt").write_text("rasa-sdk==3.6.2\n", encoding="utf-8")
    with pytest.raises(PeerReportError, match="no line `rasa==…`"):
        rasa_version(tmp_path / "rasa.txt")


def test_a_report_is_current_only_on_the_data_that_it_was_measured_on(tmp_path: Path) -> None:
    assert load_kept(INPUTS, tmp_path) is None
    report = report_on(INPUTS)
    report.save(tmp_path)
    kept = load_kept(INPUTS, tmp_path)
    assert kept is not None
    assert (kept.report, kept.current) == (report, True)
    for name in Inputs.model_fields:
        other = load_kept(INPUTS.model_copy(update={name: "other"}), tmp_path)
        assert other is not None
        assert not other.current, name


def test_a_report_of_another_shape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PeerReportError, match="no report of `make evaluate-peers`"):
        load_kept(INPUTS, tmp_path)


def test_the_report_for_people_has_figures_trainings_and_hashes() -> None:
    text = as_markdown(report_on(INPUTS))
    assert f"| {DIET.name} | 87.6 % | 54.3 % |" in text
    assert f"| {DIET.name} | qingdao | 10,507 | 25 | 2 | 301 s | 413 s |" in text
    assert f"- {DIET.name}, qingdao: 0.75 0.981; loss 4.23 3.9\n" in text
    assert "All trainings together: 5 minutes by the clock, 7 of processor time." in text
    assert "1,524 answerable and 700 unanswerable" in text
    assert "\n\n\n" not in text
    for part in ("a" * 16, "b" * 16, "c" * 16, "Rasa 3.6.21 on 2 processors"):
        assert part in text


def test_the_kept_markdown_is_that_of_the_kept_figures(knowledge: Knowledge) -> None:
    kept = load_kept(inputs_of(knowledge, load_questions(DEVELOPMENT, knowledge.entries)))
    assert kept is not None
    assert {part.city for one in kept.report.peers for part in one.trainings} == set(CITIES)
    assert (FOLDER / "report.md").read_text(encoding="utf-8") == as_markdown(kept.report)


def test_what_is_up_to_date_is_not_measured_again_unless_forced(knowledge: Knowledge, tmp_path: Path) -> None:
    # Without a Rasa environment, whoever measures fails at once.
    nowhere = tmp_path / "no/python"
    with pytest.raises(PeerError, match="run `make setup`"):
        keep_up_to_date(nowhere, force=False, folder=tmp_path)
    report_on(inputs_of(knowledge, load_questions(DEVELOPMENT, knowledge.entries))).save(tmp_path)
    assert keep_up_to_date(nowhere, force=False, folder=tmp_path).startswith("up to date: ")
    with pytest.raises(PeerError):
        keep_up_to_date(nowhere, force=True, folder=tmp_path)
    report_on(INPUTS).save(tmp_path)
    with pytest.raises(PeerError):
        keep_up_to_date(nowhere, force=False, folder=tmp_path)


def test_what_rasa_cannot_do_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho cannot train; [ $2 = rasa ] && exit 4; sleep 60\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(PeerError, match=r"ended with code 4:\ncannot train"):
        train(tmp_path / "python", tmp_path)
    with pytest.raises(PeerError, match=r"did not end within 1 s:\ncannot train"):
        rank(tmp_path / "python", tmp_path, ["甲"], seconds=1.0)
    with pytest.raises(PeerError, match="run `make setup`"):
        train(tmp_path / "none", tmp_path)
