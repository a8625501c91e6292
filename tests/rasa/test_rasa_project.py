"""The Rasa project in Rasa's own environment: valid, stories told, tracker bounded, entities as in the app."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from bot.actions.entities import EntityReader
from core.settings import ROOT
from evaluation.questions import load_questions
from retrieval.normalise import normalise

Run = Callable[..., subprocess.CompletedProcess[str]]
HERE = Path(__file__).parent.relative_to(ROOT)
# The desk's own sentences are said by our actions, not by rules; tests/bot proves that each is used.
SAID_BY_ACTIONS = re.compile(r"The utterance 'utter_\w+' is not used in any story or rule\.")
PLACES = """渝快办刷脸查不到孩子
愉快办登不上
渝块办打不开
渝快版怎么注册
yukuaiban打不开
爱山东密码忘了
今天第一次登爱山东,账户姓名里有个字是错的
青e办还能用吗
身份证号被占用
北培的
我们在渝北
青岛市市北区
黄岛西海岸新区的学校
两江新区的小学
孩子九月上一年级
老大小升初老二幼升小
重庆和青岛哪个好
我在北京
明天下雨吗""".splitlines()


def test_data_are_valid(run_rasa: Run) -> None:
    done = run_rasa(
        "-m", "rasa", "data", "validate", "--data", "bot/data", "--domain", "domain.yml", "--config", "config.yml"
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    warnings = re.findall(r"UserWarning: (.*)|^.*?\b(?:WARNING|ERROR)\b +(rasa\..*)$", said, re.MULTILINE)
    assert [w for pair in warnings for w in pair if w and not SAID_BY_ACTIONS.match(w)] == []
    assert "No story structure conflicts found." in said


def test_stories_are_told_as_written(run_rasa: Run, rasa_model: Path, tmp_path: Path) -> None:
    stories = ("--stories", HERE / "test_stories.yml", "--e2e", "--fail-on-prediction-errors", "--no-plot")
    model = ("--model", rasa_model, "--endpoints", "endpoints.yml", "--out", tmp_path)
    done = run_rasa("-m", "rasa", "test", "core", *stories, *model)
    failed = tmp_path / "failed_test_stories.yml"
    told = failed.read_text(encoding="utf-8") if failed.exists() else ""
    assert done.returncode == 0, told or (done.stdout + done.stderr)[-3000:]


def test_tracker_store_is_bounded_and_keeps_the_turn(run_rasa: Run) -> None:
    done = run_rasa("-m", "unittest", HERE / "check_tracker_store.py")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"Ran [1-9]\d* tests", done.stderr)


def test_rasa_names_the_same_places_as_the_app(run_rasa: Run, rasa_model: Path, tmp_path: Path) -> None:
    reader = EntityReader()
    asked = [normalise(q.q) for q in load_questions(ROOT / "evaluation/sets/development.jsonl")]
    texts = [*PLACES, *(text for text in asked if reader.read(text) != reader.read(""))]
    source, target = tmp_path / "texts.json", tmp_path / "entities.json"
    source.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    done = run_rasa(HERE / "parse_entities.py", rasa_model, source, target)
    assert done.returncode == 0, done.stderr[-3000:]
    entities = json.loads(target.read_text(encoding="utf-8"))
    by_rasa = [reader.from_rasa(found, text) for text, found in zip(texts, entities, strict=True)]
    differing = [text for text, found in zip(texts, by_rasa, strict=True) if found != reader.read(text)]
    assert differing == [], f"{len(differing)} of {len(texts)}"
