"""Rasa alone really learns and ranks: the path of `make evaluate-peers` on a handful of questions."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from evaluation.peers.measure import choice_of
from evaluation.peers.project import PEERS, Peer, write_project
from evaluation.peers.training import rank, train
from retrieval.corpus import Example

EPOCHS = 30
SAID = {
    "cq-10": ["刷脸查不到孩子", "刷脸的时候孩子没出来", "人脸识别查不到娃儿", "扫脸没有孩子"],
    "cq-17": ["爷爷的房子可以用吗", "房产证是奶奶的名字", "房子在外公名下", "祖辈房产能不能报"],
    "cq-01": ["子女信息在哪里填", "孩子信息入口在哪", "从哪里添加子女", "维护子女信息怎么进去"],
    "none": ["今天中午吃什么", "明天会下雨吗", "讲个笑话", "(^_^)你好[呀](哈)"],
}
ASKED = ["奶奶的房产证能用吗", "扫脸的时候没有孩子", "/restart"]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: str(peer.component["name"]))
def test_a_peer_is_trained_and_ranks_all_its_labels(peer: Peer, rasa_python: Path, tmp_path: Path) -> None:
    examples = [Example(text, entry, None, -1) for entry, texts in SAID.items() for text in texts]
    write_project(peer.with_epochs(EPOCHS), examples, tmp_path / "project")
    training = train(rasa_python, tmp_path / "project", seconds=600)
    assert len(training.epochs) == EPOCHS
    assert training.epochs[-1].accuracy > training.epochs[0].accuracy
    assert training.processor_seconds > 0

    rankings = rank(rasa_python, tmp_path / "project", ASKED, seconds=600)
    for ranking in rankings[:2]:
        assert {peer.entry(label) for label, _ in ranking} == set(SAID)
        assert sum(confidence for _, confidence in ranking) == pytest.approx(1, abs=1e-4)
        assert all(one >= other for (_, one), (_, other) in itertools.pairwise(ranking))
    chosen = [choice_of(peer, ranking, SAID.keys() - {"none"}) for ranking in rankings]
    assert [choice.entry_id for choice in chosen[:2]] == ["cq-17", "cq-10"]
    assert chosen[2].score < 1
