"""Print what Rasa understands of a text as JSON: `python -m bot.components.parse_text MODEL TEXT`, by Rasa's Python."""

import asyncio
import json
import sys
from typing import Text

from rasa.core.agent import Agent


async def _parse(model: Text, text: Text) -> None:
    parsed = await Agent.load(model).parse_message(text)
    shown = {"intents": parsed["intent_ranking"][:3], "entities": parsed["entities"]}
    sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    asyncio.run(_parse(*sys.argv[1:]))
