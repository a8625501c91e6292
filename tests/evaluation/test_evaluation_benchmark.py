from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import psutil
import pytest
from answering_server import TinyDesk
from replies_made import question

from evaluation.benchmark import agents, cases, parts, turns
from evaluation.benchmark.bare import idle_actions
from evaluation.benchmark.figures import Figure, as_table, quantile, save
from evaluation.benchmark.line import Line, Talk, Talks
from evaluation.run import ServiceError

ASKED = [question(str(i), "qingdao" if i % 2 else "chongqing") for i in range(20)]


@pytest.mark.parametrize(
    ("value", "better", "met"),
    [(1.0, "lower", True), (1.1, "lower", False), (1.0, "higher", True), (0.9, "higher", False), (None, "lower", None)],
)
def test_a_figure_knows_whether_its_target_is_reached(value: float | None, better: str, met: bool | None) -> None:
    figure = Figure("x", value, " s", 1.0, better, "how")  # type: ignore[arg-type]
    assert figure.met is met
    assert ("MISSED" in as_table([figure])) == (met is False)


def test_figures_are_kept_as_json(tmp_path: Path) -> None:
    save([Figure("x", 2.0, " s", 1.0, "lower", "how")], tmp_path / "a" / "b.json")
    (row,) = json.loads((tmp_path / "a" / "b.json").read_text(encoding="utf-8"))["figures"]
    assert (row["name"], row["value"], row["met"]) == ("x", 2.0, False)


def test_quantile_is_linear() -> None:
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_a_talk_gives_way_after_its_turns_and_each_city_has_its_own(desk: TinyDesk) -> None:
    with Line(desk.url) as line:
        talks = Talks(line, 2)
        for city in ("chongqing", "qingdao", "chongqing", "chongqing"):
            talks.of(city).say("问")
    assert desk.opened == [{"city": "chongqing"}, {"city": "qingdao"}, {"city": "chongqing"}]


def test_whole_and_bare_turns_are_interleaved(desk: TinyDesk) -> None:
    half, most = turns.against_bare(desk.url, desk.url, ASKED, rounds=10)
    assert half.value is not None
    assert most.value is not None
    assert half.value > 1
    assert most.value >= 1
    assert len(desk.said) == 10 + turns.WARM_ROUNDS


def test_many_clients_are_counted_with_their_errors(desk: TinyDesk) -> None:
    rate, failed, _ = turns.sustained(desk.url, ASKED, clients=4, seconds=0.3)
    assert rate.value is not None
    assert rate.value > 10
    assert failed.value == 0
    desk.broken = True
    _, failed, _ = turns.sustained(desk.url, ASKED, clients=2, seconds=0.1)
    assert failed.value is not None
    assert failed.value > 0


def test_growth_says_the_same_words_late_as_early(desk: TinyDesk) -> None:
    figure = turns.growth(desk.url, ASKED, talks=1)
    assert figure.value == pytest.approx(1, abs=0.9)
    assert len(desk.said) == turns.LAST_TURN
    texts = [text for _, text in desk.said]
    assert set(texts[2:7]) == set(texts[195:204])


def test_suggestions_are_timed_and_refusals_stop(desk: TinyDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SECONDS", 0.2)
    half, rate = parts.suggestions(desk.url, "staff", ASKED)
    assert half.value is not None
    assert rate.value is not None
    assert 0 < half.value < 100
    assert rate.value > 10
    with pytest.raises(ServiceError, match="suggestions: HTTP 401"):
        parts.suggestions(desk.url, "parent", ASKED)


def test_agents_type_letter_by_letter_for_as_long_as_is_told(desk: TinyDesk) -> None:
    began = time.perf_counter()
    server, _, half, most = agents.typing(desk.url, "staff", ASKED, agents=4, seconds=0.5)
    assert time.perf_counter() - began < 3
    assert server.value == pytest.approx(0.1)
    assert half.value is not None
    assert most.value is not None
    assert 0 < half.value <= most.value
    assert "4 agents, a letter each 80 ms" in server.how
    assert list(agents.prefixes("报名吗")) == ["报", "报名", "报名吗"]
    with pytest.raises(ServiceError, match="suggestions: HTTP 401"):
        agents.typing(desk.url, "parent", ASKED, agents=2, seconds=0.3)


def test_a_service_that_is_gone_is_named() -> None:
    with Line("http://127.0.0.1:9") as line, pytest.raises(ServiceError, match="ConnectionRefusedError"):
        Talk(line, None)


def test_memory_needs_more_than_one_process() -> None:
    own = psutil.Process()
    assert parts.memory([own]).value is None
    both = parts.memory([own, own]).value
    assert both is not None
    assert both == pytest.approx(2 * own.memory_info().rss / 1e9, rel=0.2)


def test_training_time_is_read_or_its_file_named(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    assert "is missing: `helpdesk train`" in parts.training(path).how
    path.write_text('{"seconds": 61.5}', encoding="utf-8")
    assert parts.training(path).value == 61.5


def test_the_idle_action_server_does_nothing() -> None:
    with idle_actions() as url:
        response = httpx.post(url, json={"next_action": "action_answer_question"}, trust_env=False)
        assert response.json() == {"events": [], "responses": []}


def test_the_slow_backend_takes_the_time_that_it_is_told_and_knows_nobody() -> None:
    with cases.slow_backend() as (url, backend):
        seconds = []
        for delay in (0.0, 1.5):
            backend.delay = delay
            began = time.perf_counter()
            reply = httpx.post(f"{url}/v1/applications/query", json={"guardian": "nobody"}, trust_env=False)
            seconds.append(time.perf_counter() - began)
            assert reply.json() == {"applications": []}
        assert seconds[0] < 1.5 <= seconds[1]
        assert backend.asked == 2


def test_a_family_that_is_not_shown_its_case_stops_the_measuring(desk: TinyDesk) -> None:
    with pytest.raises(ServiceError, match="case is not shown"):
        cases.against_questions(desk.url, lambda: "token", ASKED)
