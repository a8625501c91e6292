"""Make Rasa's NLU examples of the topic intents from the knowledge, so that no example is kept twice.

Rasa reads `bot/data/nlu/*.yml`; the files of the topic intents are written by `helpdesk knowledge nlu` and
checked by a test, the others are edited by hand.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from knowledge.loader import Knowledge

OTHER = "enrolment_other"
HEADER = '# Made from knowledge/ by "helpdesk knowledge nlu"; edit the similar questions and near misses there.\n'


def topic_examples(knowledge: Knowledge) -> dict[str, list[str]]:
    """Return topic → example questions: titles, similar questions, and near misses, which have a topic if no answer."""
    examples: dict[str, dict[str, None]] = defaultdict(dict)
    for entry in knowledge.entries.values():
        for question in (entry.question, *entry.similar_questions):
            examples[entry.topic][question] = None
    for miss in knowledge.near_misses:
        same_city = [i for i in miss.near if miss.city in (None, knowledge.entries[i].city)]
        topic = knowledge.entries[same_city[0]].topic if same_city else OTHER
        examples[topic][miss.q] = None
    return {topic: list(questions) for topic, questions in sorted(examples.items())}


def write_nlu(knowledge: Knowledge, folder: Path) -> list[Path]:
    """Write one file per topic under `folder` and return the files."""
    return [_write(folder / f"{topic}.yml", text) for topic, text in nlu_files(knowledge).items()]


def nlu_files(knowledge: Knowledge) -> dict[str, str]:
    """Return topic → the text of its NLU file."""
    return {
        topic: HEADER
        + f'version: "3.1"\nnlu:\n  - intent: {topic}\n    examples: |\n'
        + "".join(f"      - {_plain(question)}\n" for question in questions)
        for topic, questions in topic_examples(knowledge).items()
    }


def _plain(question: str) -> str:
    """Keep Rasa's annotation syntax out of an example."""
    return " ".join(question.translate(str.maketrans("[]{}()", "【】【】()")).split())


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
