"""Conversations in which parents, members of staff and the backend act at once, by chance; and what must hold of them.

Every choice of an actor comes from a generator of its own, so a seed gives the same choices; only their timing varies.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from staff_client import API

from bot.actions.words import Words

Json = dict[str, Any]
BACK, NEWS = Words().say("back_from_person"), Words().say("case_news")
QUESTIONS = ("刷脸查不到孩子", "谢谢", "你好", "审核不通过怎么办", "转人工", "我的报名进度")
_BUSY_TRIES = 15


class UnsureError(Exception):
    """The line broke while a call was under way: it may have been done."""


@dataclass
class Doors:
    """The addresses of the app's processes; one that does not answer is tried again later."""

    bases: list[str]
    http: httpx.AsyncClient
    broken: int = 0

    async def call(
        self, chance: random.Random, method: str, path: str, bearer: str, body: Any = None
    ) -> httpx.Response:
        """Make a call at one of the processes."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        for base in chance.sample(self.bases, len(self.bases)):
            try:
                return await self.http.request(method, base + path, json=body, headers=headers)
            except httpx.ConnectError:
                continue  # nothing was done
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                self.broken += 1
                raise UnsureError from error
        raise AssertionError("no process answers")


@dataclass
class Talk:
    """One conversation and all that was done in it."""

    doors: Doors
    id: str
    secret: str
    opening: Json
    parent: list[Json] = field(default_factory=list)
    parent_unsure: list[str] = field(default_factory=list)
    staff: dict[str, bool] = field(default_factory=dict)
    """Words of a person → whether they were taken; unsure ones are not here."""
    staff_unsure: set[str] = field(default_factory=set)
    fences: list[int] = field(default_factory=list)
    unsure: bool = False
    changes: int = 0
    live: list[Json] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{API}/{self.id}"

    @property
    def options(self) -> list[Json]:
        return [o for m in self.opening["messages"] for o in m["message"].get("options", [])]


async def open_talk(doors: Doors, chance: random.Random, **known: str) -> Talk:
    """Open a conversation."""
    for _ in range(_BUSY_TRIES):
        try:
            response = await doors.call(chance, "POST", API, "", {"city": "chongqing", **known})
        except UnsureError:
            known.pop("token", None)  # it may serve another conversation by now
            continue
        assert response.status_code == 201, response.text
        opening = response.json()
        return Talk(doors, opening["conversation_id"], opening["secret"], opening)
    raise AssertionError("no conversation could be opened")


async def act_as_parent(talk: Talk, chance: random.Random) -> None:
    """Say two or three things, or press buttons, and note how each turn ended."""
    for _ in range(chance.choice((2, 3))):
        await _pause(chance)
        option = chance.choice(talk.options) if chance.random() < 0.5 else None
        words = option["label"] if option else chance.choice(QUESTIONS)
        body = {"payload": option["payload"]} if option else {"text": words}
        try:
            turn = await _turn(talk, chance, body)
        except UnsureError:
            talk.parent_unsure.append(words)
            continue
        talk.parent.append({**turn, "words": words})


async def _turn(talk: Talk, chance: random.Random, body: Json) -> Json:
    for _ in range(_BUSY_TRIES):
        response = await talk.doors.call(chance, "POST", f"{talk.address}/messages", talk.secret, body)
        if response.status_code != 409:
            assert response.status_code == 200, response.text
            turn: Json = response.json()
            return turn
        assert response.json()["error"]["code"] == "turn_in_progress"
    raise AssertionError("the conversation was never free")


async def act_as_adviser(talk: Talk, chance: random.Random, token: str, name: str) -> None:
    """Once or twice take over, speak, and mostly hand back."""
    for stretch in range(chance.choice((1, 1, 2))):
        await asyncio.sleep(chance.random() * 0.8)
        try:
            fence = await _take_over(talk, chance, token)
            for n in range(chance.choice((0, 1, 2)) if fence else 0):
                await _say(talk, chance, token, fence, f"{name}的第{stretch}次第{n}句")
                await _pause(chance)
            if fence and chance.random() < 0.8:
                await _hand_back(talk, chance, token, fence)
        except UnsureError:
            talk.unsure = True


async def _take_over(talk: Talk, chance: random.Random, token: str, *, by_force: bool = False) -> int:
    """Take over from the bot, or now and then from the other; 0 if that failed."""
    response = await talk.doors.call(chance, "POST", f"{talk.address}/takeover", token)
    if response.status_code == 409 and (by_force or chance.random() < 0.4):
        seen = response.json()["error"]["details"]["fence"]
        response = await talk.doors.call(chance, "POST", f"{talk.address}/takeover", token, {"from_fence": seen})
    return _fence(talk, response)


async def _say(talk: Talk, chance: random.Random, token: str, fence: int, words: str) -> None:
    """Say something by a key, so that a call whose end is not known can be made again; some are made twice anyway."""
    body = {"fence": fence, "text": words, "key": words}
    numbers = set()
    for _ in range(chance.choice((1, 1, 2))):
        try:
            response = await talk.doors.call(chance, "POST", f"{talk.address}/staff-messages", token, body)
        except UnsureError:
            talk.staff_unsure.add(words)
            continue
        assert response.status_code == 200 or response.json()["error"]["code"] == "stale_fence", response.text
        if response.status_code == 200:
            numbers.add(response.json()["seq"])
        assert len(numbers) < 2, "said twice"
        talk.staff[words] = bool(numbers)


async def _hand_back(talk: Talk, chance: random.Random, token: str, fence: int) -> None:
    _fence(talk, await talk.doors.call(chance, "POST", f"{talk.address}/handback", token, {"fence": fence}))


def _fence(talk: Talk, response: httpx.Response) -> int:
    if response.status_code == 200:
        talk.fences.append(response.json()["fence"])
        return talk.fences[-1]
    assert (response.status_code, response.json()["error"]["code"]) == (409, "stale_fence"), response.text
    return 0


async def close(talk: Talk, chance: random.Random, token: str) -> None:
    """Let whoever owns the conversation give it back, so that it ends with the bot."""
    for _ in range(_BUSY_TRIES):
        try:
            fence = await _take_over(talk, chance, token, by_force=True)
            await _hand_back(talk, chance, token, fence)
            return
        except UnsureError:
            talk.unsure = True
    raise AssertionError("the conversation was never handed back")


async def listen(talk: Talk, base: str, hearing: asyncio.Event) -> None:
    """Follow the conversation as its open page does, until cancelled."""
    async for name, data in _events(talk, base, None):
        if name == "state":
            hearing.set()
        else:
            talk.live.append(data)


async def replay(talk: Talk, chance: random.Random) -> list[Json]:
    """Return everything said and every change of owner, in order, as a line tells it that goes on from the opening."""
    for base in chance.sample(talk.doors.bases, len(talk.doors.bases)):
        told = []
        with suppress(httpx.TransportError):  # this process has crashed, the other goes on
            async for name, data in _events(talk, base, talk.opening["last_seq"]):
                if name == "state":
                    return told
                told.append(data)
    raise AssertionError("no line told everything")


async def _events(talk: Talk, base: str, last: int | None) -> Any:
    headers = {"Authorization": f"Bearer {talk.secret}"} | ({} if last is None else {"Last-Event-ID": str(last)})
    name = ""
    async with talk.doors.http.stream("GET", f"{base}{talk.address}/events", headers=headers) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                yield name, json.loads(line[5:])


def owner_after(told: list[Json]) -> str:
    """Return who owns the conversation after all that."""
    return next((str(one["owner"]) for one in reversed(told) if "owner" in one), "bot")


def check(talk: Talk, told: list[Json]) -> None:
    """Check one conversation by what its line tells: silence, nothing lost, nothing doubled, one owner at a time."""
    said = [one for one in told if "message" in one]
    first = talk.opening["last_seq"] + 1
    assert [one["seq"] for one in said] == list(range(first, first + len(said)))
    _check_silence(told)
    _check_parent(talk, said)
    _check_staff(talk, said)
    _check_fences(talk, told)
    if talk.live:
        assert talk.live[1:] == told  # it began with the bot as owner


def _check_silence(told: list[Json]) -> None:
    owner = "bot"
    for one in told:
        owner = one.get("owner", owner)
        assert one.get("author") != ("bot" if owner == "person" else "person"), (owner, one)


def _check_parent(talk: Talk, said: list[Json]) -> None:
    turns: dict[int, list[Json]] = {}
    for one in said:
        turns.setdefault(one["turn"], []).append(one)
    unasked = [one["author"] for one in turns.pop(0, [])]
    assert "parent" not in unasked
    for turn in talk.parent:
        words, *answers = turns.pop(turn["turn"])
        assert (words["author"], words["message"]["text"]) == ("parent", turn["words"])
        assert [(one["author"], one["message"]) for one in answers] == [("bot", m) for m in turn["messages"]]
        assert (turn["outcome"] in ("person_owns", "handed_over")) == (not answers), turn
    left = [one[0]["message"]["text"] for one in turns.values()]
    assert all(words in talk.parent_unsure for words in left)
    assert len(left) <= len(talk.parent_unsure)


def _check_staff(talk: Talk, said: list[Json]) -> None:
    spoken = [one["message"]["text"] for one in said if one["author"] == "person"]
    assert len(set(spoken)) == len(spoken), "doubled"
    assert {words for words, taken in talk.staff.items() if taken} <= set(spoken), "lost"
    refused = {words for words, taken in talk.staff.items() if not taken} - talk.staff_unsure
    assert not refused & set(spoken), "refused, and said all the same"


def _check_fences(talk: Talk, told: list[Json]) -> None:
    assert len(set(talk.fences)) == len(talk.fences)
    changes = [one for one in told if "owner" in one]
    if not talk.unsure:
        assert sorted(talk.fences) == list(range(1, len(changes) + 1))
    backs = [one for one in told if "message" in one and one["message"].get("text") == BACK]
    assert len(backs) == sum(one["owner"] == "bot" for one in changes)


async def _pause(chance: random.Random) -> None:
    await asyncio.sleep(chance.random() ** 2 * 0.15)
