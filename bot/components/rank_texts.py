"""Write Rasa's whole ranking of each text; `python -m bot.components.rank_texts MODEL TEXTS RANKINGS`, by its Python.

TEXTS is a JSON list of texts, RANKINGS becomes a JSON list of lists of [label, confidence], surest first: of the
response selector where the model has one, else of the intents. Confidences are in [0, 1].
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Text, Tuple

from rasa.core.agent import Agent

SELECTOR = "response_selector"


async def _rank(model: Text, source: Text, target: Text) -> None:
    agent = Agent.load(model)
    texts = json.loads(Path(source).read_text(encoding="utf-8"))
    rankings = [_ranking(await agent.parse_message(text)) for text in texts]
    Path(target).write_text(json.dumps(rankings, ensure_ascii=False), encoding="utf-8")


def _ranking(parsed: Dict[Text, Any]) -> List[Tuple[Text, float]]:
    for found in parsed.get(SELECTOR, {}).values():
        if "ranking" in found:
            return [(one["intent_response_key"], one["confidence"]) for one in found["ranking"]]
    return [(one["name"], one["confidence"]) for one in parsed["intent_ranking"]]


if __name__ == "__main__":
    asyncio.run(_rank(*sys.argv[1:]))
