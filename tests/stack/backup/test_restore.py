"""Back up a real Redis and a models' folder, empty both, and restore: all that counts is back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.records import EMPTIED_LIST
from stack.backup.archive import BackupError
from stack.backup.kept_keys import shared_keys, version_keys
from stack.backup.make import make_backup
from stack.backup.redis_parts import parts_of
from stack.backup.restore import restore
from stack.cli import build_app
from tests.training.registry.test_registry import publish
from training.registry.publish import write_fields
from training.registry.registry import Registry


class World:
    """Two versions, rules, an experiment, a tombstone, and keys that a rebuild brings back."""

    def __init__(self, url: str, folder: Path) -> None:
        self.settings = TrainingSettings(redis_url=url, models_uri=str(folder / "models"))
        self.client = redis.Redis.from_url(url)
        self.registry = Registry.of(self.settings)
        self.file = folder / "backup.tar"
        publish(self.registry, "v1")
        publish(self.registry, "v2")
        write_fields(url, keyspace.top_n(0, "v2"), {"u": b"x"})
        self.client.rpush(keyspace.new_items("v2"), "c", "d")
        self.client.set(keyspace.SERVING_RULES, '{"deny": ["a"]}')
        self.client.hset(keyspace.EXPERIMENTS, "e", "{}")
        self.client.set(keyspace.EXPERIMENTS_REVISION, 3)
        self.client.rpush(keyspace.EXPERIMENT_AUDIT, "one", "two")
        self.client.rpush(keyspace.experiment_looks("e"), "first", "second")
        self.client.hset(keyspace.erased_users(0), "gone", 1000)
        self.client.hset(keyspace.history("u", 1), "a", b"x")
        self.client.set(keyspace.STREAMING_LEASE, "of this moment")

    def contents(self) -> dict[str, list[Any]]:
        keys = [
            *shared_keys(1, ["e"]),
            *version_keys(["v1", "v2"], 1),
            keyspace.CURRENT_MODEL,
            keyspace.MODEL_VERSIONS,
        ]
        found = {key: list(parts_of(self.client, key)) for key in keys}
        return {key: parts if key in _LISTS else sorted(parts) for key, parts in found.items()}

    def files(self) -> dict[str, bytes]:
        folder = Path(self.settings.models_uri)
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    def lose_all(self) -> None:
        self.client.flushall()
        shutil.rmtree(self.settings.models_uri)


_LISTS = (
    keyspace.MODEL_AUDIT,
    keyspace.EXPERIMENT_AUDIT,
    keyspace.experiment_looks("e"),
    keyspace.new_items("v2"),
)


@pytest.fixture
def world(redis_url: str, tmp_path: Path) -> Iterator[World]:
    made = World(redis_url, tmp_path)
    yield made
    made.client.close()


def test_a_restore_brings_lost_keys_back_byte_for_byte_and_changes_no_others(world: World) -> None:
    before, files = world.contents(), world.files()
    summary = make_backup(world.settings, world.file)
    assert summary.counts["rules"] == summary.counts["experiments"] == summary.counts["tombstones"] == 1
    world.lose_all()
    done = restore(world.settings, world.file)
    assert (done.versions, done.served, done.folders) == (["v1", "v2"], "v2", ["v1", "v2"])
    after = world.contents()
    *audit, last = after[keyspace.MODEL_AUDIT]
    assert b'"action": "restore"' in last.value
    assert {**after, keyspace.MODEL_AUDIT: audit} == before
    assert world.files() == files
    assert not world.client.exists(keyspace.history("u", 1), keyspace.STREAMING_LEASE)
    assert world.registry.rollback() == ("v2", "v1")


def test_a_restore_keeps_keys_that_exist(world: World) -> None:
    make_backup(world.settings, world.file)
    world.lose_all()
    publish(world.registry, "v3")
    world.client.set(keyspace.SERVING_RULES, "newer")
    world.client.hset(keyspace.EXPERIMENTS, mapping={"f": "newer"})
    world.client.set(keyspace.EXPERIMENTS_REVISION, 1)
    world.client.hset(keyspace.erased_users(0), mapping={"gone": 2000, "u": 3000})
    done = restore(world.settings, world.file)
    assert (done.versions, done.served) == (["v1", "v2"], "v3")
    assert world.client.get(keyspace.SERVING_RULES) == b"newer"
    assert world.client.hgetall(keyspace.EXPERIMENTS) == {b"e": b"{}", b"f": b"newer"}
    assert world.client.get(keyspace.EXPERIMENTS_REVISION) == b"2"  # so that the API looks
    assert world.client.hgetall(keyspace.erased_users(0)) == {b"gone": b"2000", b"u": b"3000"}
    assert [line.version for line in world.registry.publisher.audit()] == ["v1", "v2", "v3"]
    world.client.set(keyspace.manifest("v1"), "damaged")
    assert restore(world.settings, world.file).versions == ["v1"]
    assert restore(world.settings, world.file).versions == []  # a second restore has nothing to write


def test_a_user_erased_after_the_backup_stays_out_of_its_lists(world: World) -> None:
    make_backup(world.settings, world.file)
    world.lose_all()
    world.client.hset(keyspace.erased_users(0), "u", 3000)
    restore(world.settings, world.file)
    assert world.client.hget(keyspace.top_n(0, "v2"), "u") == EMPTIED_LIST


def test_other_shards_and_an_empty_redis_are_refused(world: World) -> None:
    make_backup(world.settings, world.file)
    other = world.settings.model_copy(update={"redis_shards": 2})
    with pytest.raises(BackupError, match="REDIS_SHARDS=1"):
        restore(other, world.file)
    world.client.flushall()
    with pytest.raises(BackupError, match="neither models nor rules"):
        make_backup(world.settings, world.file)
    assert restore(world.settings, world.file).served == "v2"  # the earlier file is still whole


def test_an_unfinished_version_is_not_backed_up(world: World) -> None:
    world.registry.publisher.begin("v3")
    world.client.delete(keyspace.top_n(0, "v1"))
    assert list(make_backup(world.settings, world.file).versions) == ["v2"]
    world.client.delete(keyspace.top_n(0, "v2"))
    with pytest.raises(BackupError, match="does not hold all of the served v2"):
        make_backup(world.settings, world.file)


def test_the_commands_say_what_they_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", world.settings.redis_url.get_secret_value())
    monkeypatch.setenv("MODELS_URI", world.settings.models_uri)

    def run(word: str) -> str:
        words = [word, str(world.file)]
        answer = CliRunner().invoke(build_app(words), words)
        assert answer.exit_code == 0, answer.output
        return answer.output

    assert "v1, v2; 1 rules, 1 experiments, 2 lines of audit, 1 tombstones" in run("backup")
    world.client.flushall()
    assert "v1, v2 written\nv2 is served" in run("restore")
    world.client.set(keyspace.CURRENT_MODEL, "v1")
    assert "`headwater models promote v2`" in run("restore")
