"""From a takeover to the hand-back the bot is silent, whatever happens at once; two processes, a crash in between."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
from desk_running import Service, desk_environment, running_desk, wait_for
from handover_talk import (
    BACK,
    NEWS,
    Doors,
    Json,
    Talk,
    act_as_adviser,
    act_as_parent,
    check,
    close,
    listen,
    open_talk,
    owner_after,
    replay,
)
from parent_client import Parent
from sqlalchemy import select, update
from staff_client import Adviser

from channels.tokens import demo_staff_token
from cli.serve import free_ports
from conversations.storage import open_engine
from core import clock
from core.settings import ROOT
from enrollment.models import Change
from enrollment.reference.tables import ApplicationRow
from enrollment.signing import webhook_signer

pytestmark = pytest.mark.system
log = logging.getLogger(__name__)
INTERLEAVINGS = 1000
AT_ONCE = 16
FAMILIES = {
    "cq-zhang": "CQ2026-0417-0031",
    "cq-liu": "CQ2026-0415-0108",
    "cq-chen": "CQ2026-0416-0254",
}
_CHANGES = "/api/v1/enrollment/changes"
_numbers = itertools.count(time.time_ns() // 1000)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a product whose backend's signature the tests know."""
    key = {"HELPDESK_ENROLLMENT_WEBHOOK_KEY": "a key that the tests know"}
    with running_desk(tmp_path_factory.mktemp("handover"), **key) as running:
        yield running


@dataclass
class SecondApp:
    """Another process of the app on the same database; Rasa runs its actions in the first one."""

    service: Service
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to start it."""
        settings = self.service.settings
        environment = desk_environment(
            self.service.folder,
            HELPDESK_PORT=str(self.port),
            HELPDESK_RASA_PORT=str(settings.rasa_port),
            HELPDESK_REFERENCE_PORT=str(settings.reference_port),
            HELPDESK_ENROLLMENT_KEY=settings.enrollment_key.get_secret_value(),
            HELPDESK_ENROLLMENT_WEBHOOK_KEY=settings.enrollment_webhook_key.get_secret_value(),
        )
        command = [sys.executable, "-m", "uvicorn", "channels.main:create", "--factory", "--no-access-log"]
        with (self.service.folder / "app-2.log").open("ab") as file:
            self.process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                cwd=ROOT,
                env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
                stdout=file,
                stderr=file,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        assert self.process
        wait_for(f"{self.base}/healthz", self.process, self.service.folder / "app-2.log", seconds=180)

    def crash(self) -> None:
        """Kill it, whatever it does."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(15)


@pytest.fixture(scope="module")
def second(service: Service) -> Iterator[SecondApp]:
    """Give a second process of the app."""
    app = SecondApp(service)
    app.start()
    app.wait()
    yield app
    app.crash()


def announce(service: Service, base: str, guardian: str) -> None:
    """Let the guardian's application have come to its state just now, and post that, signed as the backend signs."""
    mine, at = ApplicationRow.id == FAMILIES[guardian], clock.now()
    engine = open_engine(f"sqlite:///{service.folder / 'enrollment.db'}")
    with engine.begin() as connection:
        connection.execute(update(ApplicationRow).where(mine).values(since=at))
        state = connection.execute(select(ApplicationRow.state).where(mine)).scalar_one()
    engine.dispose()
    change = Change(
        id=next(_numbers),
        guardian=guardian,
        city="chongqing",
        application_id=FAMILIES[guardian],
        state=state,
        at=at,
    )
    body, signer = change.model_dump_json().encode(), webhook_signer(service.settings)
    assert signer
    headers = {**signer.headers("POST", _CHANGES, body), "Content-Type": "application/json"}
    assert httpx.post(base + _CHANGES, content=body, headers=headers, trust_env=False).status_code == 204


@contextmanager
def an_agent(service: Service, parent: Parent) -> Iterator[Adviser]:
    with closing(Adviser(service.base, demo_staff_token(service.settings, "agent"), parent.id)) as agent:
        yield agent


def bot_texts(parent: Parent) -> list[str]:
    messages = parent.transcript(parent.opening["last_seq"])["messages"]
    return [one["message"].get("text", one["message"]["type"]) for one in messages if one["author"] == "bot"]


def until(parent: Parent, condition: Callable[[list[str]], bool], seconds: float = 10) -> None:
    """Wait until what the bot has said fulfils a condition."""
    ends = time.monotonic() + seconds
    while not condition(bot_texts(parent)):
        assert time.monotonic() < ends, bot_texts(parent)
        time.sleep(0.1)


def test_news_that_comes_meanwhile_is_told_once_after_the_hand_back(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("cq-liu"))) as parent, an_agent(service, parent) as agent:
        agent.take_over()
        for _ in range(2):
            announce(service, service.base, "cq-liu")
            time.sleep(1.5)
        assert bot_texts(parent) == []
        agent.hand_back()
        until(parent, lambda texts: texts == [BACK, NEWS, "case"])
        time.sleep(2.5)
        assert bot_texts(parent) == [BACK, NEWS, "case"]


def test_news_is_kept_again_when_the_conversation_is_taken_over_again(service: Service) -> None:
    with closing(Parent(service.base, token=service.token("cq-chen"))) as parent, an_agent(service, parent) as agent:
        agent.take_over()
        announce(service, service.base, "cq-chen")
        time.sleep(1.5)
        with httpx.Client(base_url=service.base, headers=agent.http.headers, trust_env=False) as http:
            for _ in range(3):  # given back and taken again before anything can be looked up
                http.post(f"{agent.address}/handback", json={"fence": agent.fence})
                agent.fence = http.post(f"{agent.address}/takeover").json()["fence"]
        agent.hand_back()
        until(parent, lambda texts: Counter(texts) == {BACK: 4, NEWS: 1, "case": 1})


def dropped(service: Service) -> float:
    """Return how many replies came too late, as the service counts them."""
    counts = httpx.get(f"{service.base}/metrics", trust_env=False).text
    found = re.search(r'helpdesk_turns_total\{outcome="handed_over"\} (\S+)', counts)
    assert found
    return float(found[1])


def test_bot_in_the_middle_of_a_reply_is_cut_short(service: Service) -> None:
    ended: Counter[str] = Counter()
    before = dropped(service)
    for attempt in range(60):
        with closing(Parent(service.base, city="chongqing")) as parent, an_agent(service, parent) as agent:
            with ThreadPoolExecutor(1) as pool:
                turn = pool.submit(parent.say, "刷脸查不到孩子")
                while parent.transcript()["last_seq"] == parent.opening["last_seq"] and attempt % 2:
                    time.sleep(0.001)
                agent.take_over()
                raw = turn.result().raw
            ended[raw["outcome"]] += 1
            assert bool(raw["messages"]) == (raw["outcome"] == "answered")
        if ended["handed_over"]:
            break
    assert ended["handed_over"], ended
    assert dropped(service) == before + ended["handed_over"]


def spoken(seq: int, author: str, text: str, turn: int = 0) -> Json:
    return {"seq": seq, "turn": turn, "author": author, "message": {"type": "text", "text": text}}


def a_sound_talk() -> tuple[Talk, list[Json]]:
    """Return a conversation that keeps every rule, and what its line tells."""
    reply = [{"type": "text", "text": "答"}]
    parent = [
        {"turn": 1, "outcome": "answered", "messages": reply, "words": "问"},
        {"turn": 2, "outcome": "person_owns", "messages": [], "words": "在吗"},
    ]
    talk = Talk(Doors([], httpx.AsyncClient()), "", "", {"last_seq": 0}, parent, fences=[1, 2])
    talk.staff = {"您好": True, "晚了": False}
    told: list[Json] = [
        spoken(1, "parent", "问", 1),
        spoken(2, "bot", "答", 1),
        {"owner": "person"},
        spoken(3, "parent", "在吗", 2),
        spoken(4, "person", "您好"),
        {"owner": "bot"},
        spoken(5, "bot", BACK),
    ]
    return talk, told


def test_the_check_passes_what_is_sound() -> None:
    check(*a_sound_talk())


@pytest.mark.parametrize(
    ("place", "instead"),
    {
        "a bot speaks over a person": (4, [spoken(4, "person", "您好"), spoken(5, "bot", "有变化")]),
        "a person speaks after the hand-back": (6, [spoken(5, "bot", BACK), spoken(6, "person", "再见")]),
        "a person's words are lost": (4, []),
        "a person's words are doubled": (4, [spoken(4, "person", "您好"), spoken(5, "person", "您好")]),
        "refused words are said": (4, [spoken(4, "person", "您好"), spoken(5, "person", "晚了")]),
        "a parent's words are lost": (3, []),
        "a parent's words are doubled": (3, [spoken(3, "parent", "在吗", 2), spoken(4, "parent", "在吗", 3)]),
        "a reply is lost": (1, []),
        "a reply is doubled": (1, [spoken(2, "bot", "答", 1), spoken(3, "bot", "答", 1)]),
        "a dropped reply is said": (6, [spoken(5, "bot", "晚", 2), spoken(6, "bot", BACK)]),
        "the bot does not say that it is back": (6, []),
        "a change of owner is not told": (2, []),
    }.values(),
)
def test_the_check_finds(place: int, instead: list[Json]) -> None:
    talk, told = a_sound_talk()
    told[place : place + 1] = instead
    said = [one for one in told if "message" in one]
    for seq, one in enumerate(said, start=1):
        one["seq"] = seq
    with pytest.raises((AssertionError, KeyError)):
        check(talk, told)


def test_a_thousand_random_interleavings_through_two_processes_one_of_which_crashes(
    service: Service, second: SecondApp
) -> None:
    seed = int(os.environ.get("HANDOVER_SEED") or random.randrange(2**32))
    log.warning("HANDOVER_SEED=%s", seed)
    started = time.monotonic()
    talks = asyncio.run(_interleave(service, second, seed))
    log.warning("%s conversations in %.0f s", len(talks), time.monotonic() - started)
    assert len(talks) == INTERLEAVINGS
    outcomes = Counter(turn["outcome"] for talk in talks for turn in talk.parent)
    assert outcomes["person_owns"] > INTERLEAVINGS / 10, outcomes
    assert outcomes["handed_over"] > 0, outcomes
    assert outcomes["answered"] + outcomes["answered_by_choice"] > INTERLEAVINGS / 10, outcomes
    assert sum(len(talk.fences) for talk in talks) > 2 * INTERLEAVINGS
    assert sum(sum(talk.staff.values()) for talk in talks) > INTERLEAVINGS / 2
    log.warning("%s", outcomes)


async def _interleave(service: Service, second: SecondApp, seed: int) -> list[Talk]:
    """Hold the conversations, so many at once; half way the second process is killed and started again."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as http:
        doors = Doors([service.base, second.base], http)
        gate, families = asyncio.Semaphore(AT_ONCE), {guardian: list[Talk]() for guardian in FAMILIES}

        async def one(number: int) -> Talk:
            async with gate:
                if number == INTERLEAVINGS // 2:
                    second.crash()
                    second.start()
                return await _hold(service, doors, families, random.Random(f"{seed}-{number}"), number)

        talks = list(await asyncio.gather(*(one(number) for number in range(INTERLEAVINGS))))
        log.warning("%s calls were cut off by the crash", doors.broken)
        second.wait()
        await asyncio.sleep(5)  # the last news
        for talk in talks:
            if talk.changes:
                told = await replay(talk, random.Random(seed))
                check(talk, told)
                news = [one for one in told if "message" in one and one["message"].get("text") == NEWS]
                assert 1 <= len(news) <= talk.changes
        return talks


async def _change(service: Service, chance: random.Random, guardian: str, talks: list[Talk]) -> None:
    """Let the backend announce something to all of a family's talks."""
    await asyncio.sleep(chance.random() * 0.3)
    for talk in talks:
        talk.changes += 1
    await asyncio.to_thread(announce, service, service.base, guardian)


async def _caught_up(talk: Talk, told: list[Json]) -> None:
    """Wait until the open page has heard as much."""
    for _ in range(100):
        if len(talk.live) > len(told):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the open page heard {len(talk.live) - 1} of {len(told)}")


async def _hold(
    service: Service, doors: Doors, families: dict[str, list[Talk]], chance: random.Random, number: int
) -> Talk:
    """Hold one conversation in which all act at once."""
    guardian = chance.choice(list(FAMILIES)) if number % 25 == 0 else None
    known = {"token": service.token(guardian)} if guardian else {}
    talk = await open_talk(doors, chance, **known)
    listening = None
    if number % 20 == 11:
        hearing = asyncio.Event()
        listening = asyncio.create_task(listen(talk, service.base, hearing))
        await hearing.wait()
    anna, ben = (demo_staff_token(service.settings, role, "chongqing") for role in ("agent", "school"))
    jobs: list[Coroutine[None, None, None]] = [
        act_as_parent(talk, random.Random(chance.random())),
        act_as_adviser(talk, random.Random(chance.random()), anna, "安"),
        act_as_adviser(talk, random.Random(chance.random()), ben, "本"),
    ]
    if guardian:
        families[guardian].append(talk)
        jobs.append(_change(service, chance, guardian, families[guardian]))
    await asyncio.gather(*jobs)
    told = await replay(talk, chance)
    if owner_after(told) == "person":
        await close(talk, chance, anna)
        told = await replay(talk, chance)
    if listening:
        await _caught_up(talk, told)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    if not guardian:
        check(talk, told)
    return talk
