"""A report of Rasa alone, made by hand."""

from __future__ import annotations

from evaluation.peers.project import PEERS
from evaluation.peers.report import CityTraining, Inputs, PeerFigures, PeerReport
from evaluation.peers.training import Epoch

INPUTS = Inputs(training="a" * 16, questions="b" * 16, config="c" * 16, rasa="3.6.21")


def report_on(inputs: Inputs) -> PeerReport:
    epochs = (Epoch(4.23, 0.75), Epoch(3.9, 0.981))
    trained = CityTraining(
        city="qingdao", examples=10_507, labels=25, seconds=301.2, processor_seconds=412.9, epochs=epochs
    )
    figures = PeerFigures(name=PEERS[0].name, forced=0.876, guarded=0.543, trainings=(trained,))
    return PeerReport(
        at="2026-11-22T08:00:00+08:00",
        inputs=inputs,
        processors=2,
        answerable=1524,
        unanswerable=700,
        peers=(figures,),
    )
