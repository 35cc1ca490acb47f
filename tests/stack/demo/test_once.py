from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from typer.testing import CliRunner

from contracts.topics import PREFIX_VARIABLE, TOPICS
from stack.cli import build_app
from stack.demo.summary import Summary
from tests.stack.quiet_logs import troubling_lines

USERS, ITEMS, RATED_EACH = 60, 80, 20
PORTS = ("--api-port", "0", "--kafka-port", "0", "--redis-port", "0")


def _write_ratings(folder: Path) -> int:
    """Write a small MovieLens folder with one broken line; the number of good lines."""
    chance = random.Random(1)
    lines = [
        f"{user},{item},{chance.randint(4, 10) / 2},{1_500_000_000 + 60 * n}"
        for user in range(1, USERS + 1)
        for n, item in enumerate(chance.sample(range(1, ITEMS + 1), RATED_EACH))
    ]
    broken = [*lines[:50], "7,11,not a number,1500000000", *lines[50:]]
    folder.mkdir()
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *broken, ""]))
    movies = [f"{item},Film {item},Drama" for item in range(1, ITEMS + 1)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *movies, ""]))
    return len(lines)


def test_demo_once_replays_and_trains_and_serves_and_prints_a_summary(jars: None, tmp_path: Path) -> None:
    good = _write_ratings(tmp_path / "source")
    summary = tmp_path / "summary.json"
    words = [
        "demo",
        "--once",
        "--ratings",
        str(tmp_path / "source"),
        "--json",
        str(summary),
        "--story",
        *PORTS,
    ]
    words += ["--data-dir", str(tmp_path / "data")]
    # A trainer that yields to other processes would wait until the other tests end.
    env = {**os.environ, "TRAIN_NICENESS": "0", PREFIX_VARIABLE: "shop."}
    command = [sys.executable, "-m", "stack", *words]
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=900)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(summary.read_text())
    assert list(found) == [field.name for field in fields(Summary)]
    counts = {name: found[name] for name in ("sent", "acknowledged", "lake_rows", "lake_distinct_events")}
    assert counts == dict.fromkeys(counts, good)
    assert found["redis_raters"] == good
    assert (found["rejected_lines"], found["rejected_events"]) == (1, 0)
    assert (found["users"], found["items"]) == (USERS, ITEMS)
    assert {"ndcg@10", "popularity_ndcg@10", "rmse"} <= set(found["metrics"])
    steps = {"servers", "replay", "applied", "training", "serving", "counts", "story", "total"}
    assert steps <= set(found["seconds"])
    assert answer.stderr.index("\nThe page: http://") < answer.stderr.index("One user's story")
    assert "This run took " in answer.stderr
    assert found["model_version"] in answer.stderr
    assert "after the ratings were acknowledged" in answer.stderr
    logs = tmp_path / "data" / "logs"
    assert any(message.startswith("running: online") for message in _messages(logs / "streaming.log"))
    # The story's new ratings change the list without another round.
    assert sum(message.startswith("published ") for message in _messages(logs / "training.log")) == 1
    _messages(logs / "serving.log")
    # Each of its topics has the prefix.
    topics = {
        log.parent.name.rpartition("-")[0] for log in (tmp_path / "data").rglob("*.log") if log.stem.isdigit()
    }
    ours = {topic.name for topic in TOPICS}
    assert {f"shop.{name}" for name in ours} <= topics
    assert not ours & topics
    assert troubling_lines(logs) == []  # neither while it ran nor while it stopped
    # Lines of the JVM before Spark's log begins are ignored.
    assert "WARNING: Using incubator modules: jdk.incubator.vector" in (logs / "streaming.log").read_text()


def _messages(log: Path) -> list[str]:
    """Check that every line that our Python code wrote into a service's log is a JSON object."""
    lines = log.read_text().splitlines()
    assert not [line for line in lines if "headwater." in line and not line.startswith("{")]
    records = [json.loads(line) for line in lines if line.startswith("{")]
    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    return [record["message"] for record in records]


def test_a_source_that_does_not_exist_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    words = ["demo", "--once", "--ratings", str(tmp_path / "absent"), "--data-dir", str(tmp_path / "data")]
    answer = CliRunner().invoke(build_app(words), words)
    assert answer.exit_code == 1
    assert "No file or folder" in answer.stderr
