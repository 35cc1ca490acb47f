from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stack.cli import build_app
from stack.processes import leftovers
from stack.processes.identity import Identity, running
from stack.processes.run_state import Folders
from tests.stack.quiet_logs import troubling_lines

PORTS = ("--api-port", "0", "--kafka-port", "0", "--redis-port", "0")


def _headwater(*words: str) -> subprocess.CompletedProcess[str]:
    # A trainer that yields to other processes would wait until the other tests end.
    env = {**os.environ, "TRAIN_NICENESS": "0"}
    command = [sys.executable, "-m", "stack", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.servers
def test_up_runs_until_down_and_leaves_nothing_behind(jars: None, tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path))
    started = _headwater("up", "--no-producer", "--detach", *PORTS, *data)
    try:
        assert started.returncode == 0, started.stderr
        status = json.loads(_headwater("status", "--json", *data).stdout)
        assert status["running"]
        assert sorted(status["services"]) == ["broker", "redis", "serving", "streaming", "training"]
        assert all(service["running"] for service in status["services"].values())
        assert status["addresses"]["api"] in started.stderr
        assert status["lag_lake"] == 0
        for words in (("--data-dir", str(tmp_path), "models", "list"), ("models", "list"), ("rejects",)):
            found = _headwater(*words)
            assert (found.returncode, found.stdout) == (0, ""), found.stderr

        second = _headwater("up", "--no-producer", *PORTS, *data)
        assert second.returncode == 1
        assert "already runs" in second.stderr.replace("\n", " ")
        processes = [r.process for r in leftovers.records(Folders(tmp_path).run)]
        processes += [
            Identity(*each) for r in leftovers.records(Folders(tmp_path).run) for each in r.started_later
        ]
    finally:
        stopped = _headwater("down", *data)
    assert stopped.returncode == 0, stopped.stderr
    assert not any(running(process) for process in processes)
    assert _headwater("status", *data).returncode == 3
    assert troubling_lines(tmp_path / "logs") == []


def test_a_busy_port_is_one_clear_sentence(jars: None, redis_url: str, tmp_path: Path) -> None:
    port = redis_url.rsplit(":", 1)[1].split("/")[0]
    answer = _headwater("up", "--no-producer", *PORTS[:4], "--redis-port", port, "--data-dir", str(tmp_path))
    assert answer.returncode == 1
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith(f"Port {port} is in use")
    assert "--redis-port" in last


def test_the_options_ratings_and_no_producer_exclude_each_other(tmp_path: Path) -> None:
    words = ["up", "--no-producer", "--ratings", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    answer = CliRunner().invoke(build_app(words), words)
    assert answer.exit_code == 1
    assert "choose one" in answer.stderr
