"""Train each peer for each city, have it rank the questions, and measure its choices as the baselines' are."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core import clock
from core.scope import CITIES, City
from evaluation.baselines import Baseline, Choice, measure, single_questions
from evaluation.peers.project import PEERS, Peer, write_project
from evaluation.peers.report import CityTraining, PeerFigures, PeerReport, inputs_of, processors
from evaluation.peers.training import Ranking, rank, train
from evaluation.questions import Question
from knowledge.loader import Knowledge
from retrieval.corpus import examples_of
from retrieval.normalise import normalise

Say = Callable[[str], None]


def measure_peers(
    knowledge: Knowledge, questions: Sequence[Question], python: Path, say: Say, peers: Sequence[Peer] = PEERS
) -> PeerReport:
    """Return the figures of all peers; everything that Rasa writes is in a temporary folder.

    Args:
        knowledge: gives the training questions.
        questions: the development set; only single questions are asked.
        python: of Rasa's environment.
        say: is told each step.
        peers: which to train.

    Raises:
        PeerError: Rasa failed.
    """
    singles = single_questions(questions)
    answerable = sum(bool(question.expect) for question in singles)
    inputs = inputs_of(knowledge, questions, peers)
    with TemporaryDirectory(prefix="helpdesk-peers-") as folder:
        bench = _Bench(knowledge, singles, python, Path(folder), say)
        found = tuple(bench.measure(peer) for peer in peers)
    return PeerReport(
        at=clock.now().isoformat(timespec="seconds"),
        inputs=inputs,
        processors=processors(),
        answerable=answerable,
        unanswerable=len(singles) - answerable,
        peers=found,
    )


def figures_of(
    peer: Peer, rankings: Mapping[City, Mapping[str, Ranking]], questions: Sequence[Question], known: Container[str]
) -> Baseline:
    """Return the peer's figures from its rankings.

    Args:
        peer: whose labels the rankings have.
        rankings: of each city's model, by the question's text; what `texts_for` names is there.
        questions: the development set.
        known: all entries' ids.
    """
    return measure(peer.name, lambda text, city: choice_of(peer, rankings[city][text], known), questions)


def choice_of(peer: Peer, ranking: Ranking, known: Container[str]) -> Choice:
    """Return the surest known entry of a whole ranking; an empty id with 0 where there is none.

    Labels that are no entry are "none", and what Rasa reads as a command: to it, "/restart" is an intent named restart.
    """
    entries = [(peer.entry(label), confidence) for label, confidence in ranking]
    surest = max((one for one in entries if one[0] in known), key=lambda one: one[1], default=("", 0.0))
    return Choice(*surest)


def texts_for(city: City, questions: Iterable[Question]) -> list[str]:
    """Return the questions that a city's model is asked: the city's, and those without a city; none twice."""
    return list(dict.fromkeys(question.q for question in questions if question.city in (city, None)))


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where peers are trained and asked; the arguments of `measure_peers`, and the folder for their projects."""

    knowledge: Knowledge
    questions: Sequence[Question]
    python: Path
    folder: Path
    say: Say

    def measure(self, peer: Peer) -> PeerFigures:
        rankings: dict[City, dict[str, Ranking]] = {}
        trainings = []
        for city in CITIES:
            project = self.folder / f"{peer.component['name']}-{city}"
            trainings.append(self._train(peer, city, project))
            texts = texts_for(city, self.questions)
            ranked = rank(self.python, project, [normalise(text) for text in texts])
            rankings[city] = dict(zip(texts, ranked, strict=True))
        found = figures_of(peer, rankings, self.questions, self.knowledge.entries)
        return PeerFigures(name=peer.name, forced=found.forced, guarded=found.guarded, trainings=tuple(trainings))

    def _train(self, peer: Peer, city: City, project: Path) -> CityTraining:
        examples = examples_of(self.knowledge, city)
        self.say(f"{peer.name}: training {city} on {len(examples):,} examples")
        write_project(peer, examples, project)
        training = train(self.python, project)
        self.say(f"{peer.name}: {city} took {training.seconds:.0f} s, accuracy {training.epochs[-1].accuracy}")
        return CityTraining(
            city=city,
            examples=len(examples),
            labels=len({example.entry for example in examples}),
            seconds=round(training.seconds, 1),
            processor_seconds=round(training.processor_seconds, 1),
            epochs=training.epochs,
        )
