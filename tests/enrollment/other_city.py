"""Another city's backend on a real socket: its own paths, names, codes and times, and signed requests only."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from core.clock import CHINA
from enrollment.errors import SignatureError
from enrollment.reference.families import Family, SeededChild, read_families
from enrollment.signing import Signer

MAPPING = Path(__file__).with_name("other_city.yml")
TOKEN = "other-city-token"
CITY_CODES = {"chongqing": "500000", "qingdao": "370200"}
_STATES = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))["states"]
STATE_CODES = {city: {name: str(code) for code, name in words.items()} for city, words in _STATES.items()}


def in_their_time(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def _serial(given: str) -> int:
    return int(given) if given.isdigit() else 0


@dataclass
class _Asked:
    """A code that was asked for; `number` None: it was sent to nobody."""

    number: str | None
    code: str
    tries: int = 0
    verified: bool = False


@dataclass
class OtherCity:
    """What the backend holds; `refuse`: a code that it answers to everything from now on."""

    signer: Signer
    url: str = ""
    refuse: int = 0
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    cases: dict[str, tuple[Family, SeededChild, int]] = field(default_factory=dict)
    paths: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    messages: list[tuple[str, str]] = field(default_factory=list)
    asked: dict[int, _Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in read_families():
            for order, child in enumerate(family.children, start=1):
                self.cases[child.id] = (family, child, order)
                days = child.path.items()
                self.paths[child.id] = [(state, self.start + timedelta(days=day)) for state, day in days]

    def move(self, number: str, state: str) -> None:
        family, _, _ = self.cases[number]
        now = datetime.now(UTC)
        with self.lock:
            self.paths[number].append((state, now))
            self.events.append(
                {
                    "xh": str(len(self.events) + 1),
                    "jhr": family.guardian,
                    "cs": CITY_CODES[family.city],
                    "bjbh": number,
                    "dm": STATE_CODES[family.city][state],
                    "sj": in_their_time(now),
                }
            )

    def search(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["head"] == {"app": "helpdesk", "tags": ["case", asked["cs"]]}
        rows = [
            self._row(number)
            for number, (family, _, _) in self.cases.items()
            if (family.guardian, CITY_CODES[family.city]) == (asked["jhr"]["id"], asked["cs"])
        ]
        return {"code": 0, "data": {"rows": rows[::-1]}} if rows else {"code": 4004, "msg": "无记录", "data": None}

    def send_code(self, given: dict[str, Any]) -> dict[str, Any]:
        code = f"{secrets.randbelow(10**6):06d}"
        with self.lock:
            family = self.cases[given["bjbh"]][0] if given["bjbh"] in self.cases else None
            sent = sum(one.number == given["bjbh"] for one in self.asked.values())
            real = family is not None and CITY_CODES[family.city] == given["cs"] and sent < 5
            serial = 10**9 + len(self.asked)
            self.asked[serial] = _Asked(given["bjbh"] if real else None, code)
            if real and family:
                self.messages.append((family.phone, f"验证码{code}，10分钟内有效，如非您本人来电，请勿告知他人。"))
        return {"code": 0, "data": {"lsh": serial}}

    def check_code(self, given: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            asked = self.asked.get(_serial(given["lsh"]), _Asked(None, ""))
            asked.tries += 1
            right = asked.number is not None and asked.code == given["yzm"] and asked.tries <= 5
            asked.verified = asked.verified or right
        return {"code": 0, "data": {"jg": "Y" if right else "N"}}

    def verified_case(self, given: dict[str, Any]) -> dict[str, Any]:
        asked = self.asked.get(_serial(given["lsh"]))
        if asked is None or not asked.verified or asked.number is None:
            return {"code": 4004, "msg": "无记录", "data": None}
        return {"code": 0, "data": {"rows": [self._row(asked.number)]}}

    def tell_events(self, query: dict[str, list[str]]) -> dict[str, Any]:
        since, size = int(query.get("since", ["0"])[0]), int(query["size"][0])
        return {"code": 0, "data": {"rows": self.events[since : since + size], "zd": str(len(self.events))}}

    def _row(self, number: str) -> dict[str, Any]:
        family, child, order = self.cases[number]
        codes, path = STATE_CODES[family.city], self.paths[number]
        opens, closes = (self.start + timedelta(days=day) for day in family.window)
        return {
            "bjbh": number,
            "dq": {"dm": "000000", "mc": child.district},
            "xs": {"xm": child.name, "px": str(order)},
            "xx": [{"mc": child.school}],
            "xd": {"幼升小": "X", "小升初": "C"}[child.stage],
            "zt": {"dm": codes[path[-1][0]], "sj": in_their_time(path[-1][1])},
            "kxg": "Y" if opens <= datetime.now(UTC) < closes else "N",
            "wt": [{"cl": one.item, "yy": one.reason} for one in child.problems] or None,
            "lc": [{"dm": codes[state], "sj": in_their_time(at)} for state, at in path],
        }


class _Handler(BaseHTTPRequestHandler):
    city: OtherCity
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def _answer(self, body: bytes) -> None:
        if self.path == "/gw/ping":
            self._send(b"pong", "text/plain")
        else:
            reply = self._refusal(body) or self._reply(body)
            self._send(json.dumps(reply).encode(), "text/json;charset=utf-8")

    def _reply(self, body: bytes) -> dict[str, Any]:
        there = urlsplit(self.path)
        if there.path == "/gw/xsbm/events":
            return self.city.tell_events(parse_qs(there.query))
        calls = {
            "/gw/xsbm/cases/search?v=2": self.city.search,
            "/gw/xsbm/yzm/send": self.city.send_code,
            "/gw/xsbm/yzm/check": self.city.check_code,
            "/gw/xsbm/yzm/case": self.city.verified_case,
        }
        return calls[self.path](json.loads(body)) if self.path in calls else {"code": 4040}

    def _refusal(self, body: bytes) -> dict[str, Any] | None:
        if self.city.refuse:
            return {"code": self.city.refuse}
        try:
            nonce = self.city.signer.check(self.command, self.path, body, dict(self.headers), datetime.now(UTC))
        except SignatureError:
            return {"code": 4001, "msg": "签名错误"}
        with self.city.lock:
            again = nonce in self.city.nonces
            self.city.nonces.add(nonce)
        return {"code": 4001} if again or self.headers["X-App-Token"] != TOKEN else None

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


@contextmanager
def other_city(signer: Signer) -> Iterator[OtherCity]:
    city = OtherCity(signer)

    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"city": city}))
    server.daemon_threads = True
    city.url = f"http://127.0.0.1:{server.server_address[1]}/gw"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield city
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
