"""Build the spaCy pipeline of entity rules (blank Chinese, jieba, EntityRuler) from `bot/dictionaries/`.

Runs in both runtimes (spaCy 3.4 and 3.8). As a program: `python -m bot.components.entity_rules FOLDER` saves the
pipeline, where Rasa's SpacyNLP finds it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import jieba
import spacy
import yaml
from spacy.language import Language

DICTIONARIES = Path(__file__).resolve().parent.parent / "dictionaries"
_CERTAIN = 1_000_000


def load_patterns(path: Path = DICTIONARIES / "entities.yml") -> Dict[str, Any]:
    """Read the entity patterns."""
    with path.open(encoding="utf-8") as file:
        return yaml.safe_load(file)  # type: ignore[no-any-return]


def teach_jieba(patterns: Dict[str, Any]) -> None:
    """Make jieba cut the domain's words and every entity form as one word."""
    for dictionary in sorted((DICTIONARIES / "jieba").glob("*.txt")):
        with dictionary.open("rb") as words:
            jieba.load_userdict(words)
    for forms in patterns["phrases"].values():
        for surfaces in forms.values():
            for surface in surfaces:
                jieba.add_word(surface, freq=_CERTAIN)


def build_pipeline() -> Language:
    """Return the pipeline; an entity's `ent_id_` is its canonical value."""
    patterns = load_patterns()
    teach_jieba(patterns)
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": "jieba"}}})
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER", "overwrite_ents": True})
    ruler.add_patterns(list(_ruler_patterns(patterns)))
    return nlp


def _ruler_patterns(patterns: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    for label, forms in patterns["phrases"].items():
        for canonical, surfaces in forms.items():
            for surface in surfaces:
                yield {"label": label, "pattern": surface, "id": canonical}
    for label, shapes in patterns["patterns"].items():
        for shape in shapes:
            yield {"label": label, "pattern": shape}


def main(arguments: List[str]) -> int:
    """Save the pipeline to the folder named."""
    folder = Path(arguments[0])
    folder.parent.mkdir(parents=True, exist_ok=True)
    build_pipeline().to_disk(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
