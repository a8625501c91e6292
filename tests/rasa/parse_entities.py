"""Write Rasa's entities for each text of the first file (a JSON list) to the second; run by Rasa's Python."""

import asyncio
import json
import sys
from pathlib import Path

from rasa.core.agent import Agent


async def main(model: str, source: str, target: str) -> None:
    agent = Agent.load(model)
    found = [(await agent.parse_message(text))["entities"] for text in json.loads(Path(source).read_text("utf-8"))]
    Path(target).write_text(json.dumps(found, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
