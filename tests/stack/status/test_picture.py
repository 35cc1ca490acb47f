from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from contracts.stored import keyspace
from contracts.stored.statuses import TrainingStatus
from stack.cli import build_app
from stack.machine.ports import free_port
from stack.processes.run_state import Folders, Ports, RunState
from stack.status import picture
from stack.status.picture import StackStatus, collect, figures
from tests.manifests import a_manifest


def test_status_of_a_folder_without_a_stack_is_json_with_exit_code_3(tmp_path: Path) -> None:
    answer = CliRunner().invoke(build_app(["status"]), ["status", "--data-dir", str(tmp_path), "--json"])
    found = json.loads(answer.stdout)
    assert answer.exit_code == 3
    assert found["running"] is False
    assert found["ingest"] == {
        "sent": 0,
        "acknowledged": 0,
        "failed": 0,
        "rejected_lines": 0,
        "rejected_sample": [],
        "done": False,
    }


def test_figures_of_servers_that_do_not_answer_are_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "_KAFKA_SECONDS", 0.1)
    folders = Folders(tmp_path)
    RunState.of_this_process(Ports(free_port(), free_port(), free_port())).write(folders)
    found = collect(folders)
    assert found.running
    assert (found.events, found.lag_lake, found.model, found.api_ready) == (None, None, None, False)


def test_the_json_has_the_manifest_and_the_trainers_status_as_they_are_stored(tmp_path: Path) -> None:
    status = StackStatus(
        str(tmp_path),
        running=True,
        model=a_manifest("v7"),
        training=TrainingStatus(phase="idle", served_request=2),
    )
    found = json.loads(json.dumps(status.to_dict()))
    assert found["model"] == json.loads(a_manifest("v7").to_json())
    assert found["training"] == {"phase": "idle", "served_request": "2"}
    assert found["ingest"]["sent"] == 0


def ports_of(redis_url: str) -> Ports:
    """The ports of a stack of which only Redis runs."""
    return Ports(free_port(), free_port(), int(redis_url.rsplit(":", 1)[1].partition("/")[0]))


def test_a_damaged_manifest_does_not_affect_the_other_figures(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(keyspace.CURRENT_MODEL, "v1")
        client.set(keyspace.manifest("v1"), "{")
        client.hset(keyspace.APPLIED_LAKE, "interactions:0", 3)
    found = figures(ports_of(redis_url))
    assert found["in_lake"] == 3
    assert "model" not in found
    assert "The manifest of v1 is damaged" in found["model_error"]


def test_offsets_of_a_topic_that_was_created_again_are_no_progress_in_the_new_one(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(keyspace.APPLIED_TOPICS, mapping={"interactions": "a", "catalog": "b"})
        for key in (keyspace.APPLIED_LAKE, keyspace.APPLIED_ONLINE):
            client.hset(key, mapping={"interactions:0": 9, "catalog:0": 2})
    monkeypatch.setattr(picture, "topic_ends", lambda *_: {"interactions:0": 5, "catalog:0": 3})
    for now, expected in (("a", (9, 1, 1)), ("c", (0, 6, 6))):
        ids = {"interactions": now, "catalog": "b"}
        monkeypatch.setattr(picture, "topic_ids", lambda *_, ids=ids, **__: ids)
        found = figures(ports_of(redis_url))
        assert (found["in_lake"], found["lag_lake"], found["lag_online"]) == expected
