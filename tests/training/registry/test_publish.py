from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from clients.redis.connection import redis_client
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.statuses import TrainingStatus
from tests.manifests import a_manifest
from tests.training.publishing import STEPS, publish
from training.registry.publish import (
    IncompletePublishError,
    MemoryBudgetError,
    Publisher,
    copy_fields,
    read_fields,
    write_fields,
)


@pytest.fixture
def publisher(redis_url: str) -> Publisher:
    return Publisher.of(TrainingSettings(redis_url=redis_url, redis_shards=2))


def test_of_two_trainers_that_started_from_one_version_one_loses(publisher: Publisher) -> None:
    assert (publisher.current_version(), publisher.current_manifest()) == (None, None)
    second = a_manifest("v2", lake_version=2)
    assert publisher.promote(a_manifest("v1", lake_version=1), expected=None)
    assert publisher.promote(second, expected="v1")
    assert not publisher.promote(a_manifest("v3", lake_version=3), expected="v1")
    assert (publisher.current_version(), publisher.current_manifest()) == ("v2", second)


def test_missing_lists_stop_the_publication(publisher: Publisher) -> None:
    key = keyspace.top_n(0, "v1")
    write_fields(publisher.url, key, {f"u{n}": b"x" for n in range(1200)})
    publisher.verify([key, keyspace.top_n(1, "v1")], written=1200)
    with pytest.raises(IncompletePublishError, match="1201 fields were written, Redis holds 1200"):
        publisher.verify([key], written=1201)


def test_factors_are_stored_in_parts_of_little_endian_rows_beside_the_gramian(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyspace, "ITEMS_PER_PART", 4)
    items = np.arange(27, dtype=np.float32).reshape(9, 3)
    publisher.write_factors("v1", items, np.eye(3) / 3)
    raw: Any = redis_client(publisher.url).hgetall(keyspace.model_factors("v1"))
    gramian = np.frombuffer(raw.pop(b"user_gramian"), "<f8").reshape(3, 3)
    np.testing.assert_array_equal(gramian, np.eye(3) / 3)
    assert sorted(raw) == [b"0", b"1", b"2"]
    rows = np.frombuffer(b"".join(raw[part] for part in sorted(raw)), "<f4").reshape(9, 3)
    np.testing.assert_array_equal(rows, items)


@pytest.mark.redis_cluster_too
def test_deleting_a_version_leaves_none_of_its_keys(publisher: Publisher) -> None:
    client = redis_client(publisher.url)
    publisher.begin("v1")
    publisher.write_items("v1", ["a", "b"])
    for shard in range(2):
        write_fields(publisher.url, keyspace.top_n(shard, "v1"), {"u": b"x"})
    write_fields(publisher.url, keyspace.similar_items("v1"), {"i": b"x"})
    publisher.write_factors("v1", np.ones((2, 3), np.float32), np.eye(3))
    publisher.promote(a_manifest("v1"), expected=None)
    publisher.begin("v2")
    assert publisher.versions_before("v2") == ["v1"]
    publisher.delete("v1")
    left = (keyspace.MODEL_AUDIT, keyspace.CURRENT_MODEL, keyspace.MODEL_VERSIONS)
    assert client.exists(*left) == len(left) == client.dbsize()
    assert publisher.versions_before("v2") == []


@pytest.mark.redis_cluster_too
def test_publishing_beyond_the_budget_is_refused_with_the_cure(publisher: Publisher) -> None:
    publisher.check_budget(10**15, budget=0)
    publisher.check_budget(1_000_000, budget=100_000_000)
    with pytest.raises(MemoryBudgetError, match=r"about 99\.9 MB.*REDIS_MEMORY_BUDGET is 100\.0 MB: raise"):
        publisher.check_budget(99_900_000, budget=100_000_000)


def test_a_publish_killed_at_any_step_leaves_a_whole_version_served_and_the_next_cleans_up(
    publisher: Publisher,
) -> None:
    def killed_before(step: str, version: str) -> int:
        command = [sys.executable, "-m", "tests.training.publishing", publisher.url, version, step]
        return subprocess.run(command, timeout=60, check=False).returncode

    client: Any = redis_client(publisher.url)
    publish(publisher, "v0")
    served = ["v0"]
    for number, (step, _) in enumerate(STEPS, 1):
        killed, after = f"v{number}-killed", f"v{number}"
        assert killed_before(step, killed) == -signal.SIGKILL
        served += [killed] if step == "prune" else []
        assert publisher.current_version() == served[-1]
        assert client.hget(keyspace.top_n(0, served[-1]), "u7") == served[-1].encode()
        publish(publisher, after)
        served.append(after)
        assert publisher.current_version() == after
        # Only the served version and the one before it are left, and only their keys.
        assert publisher.versions() == served[-2:]
        versions = {key.decode().split(":model:")[1].split(":")[0] for key in client.keys("*:model:v*")}
        assert versions - {"versions"} == set(served[-2:])


@pytest.mark.redis_cluster_too
def test_fields_are_copied_within_redis_and_missing_ones_are_not_counted(
    publisher: Publisher,
) -> None:
    url, old, new = publisher.url, keyspace.top_n(1, "v1"), keyspace.top_n(1, "v2")
    fields = {f"u{n}": bytes([n % 256, 0, 255]) for n in range(1200)}
    write_fields(url, old, fields)
    names = [*list(fields)[:1100], "nobody"]
    assert read_fields(url, old, names) == [*(fields[name] for name in names[:-1]), None]
    assert copy_fields(url, old, new, names) == 1100
    assert copy_fields(url, old, new, []) == 0
    assert read_fields(url, new, list(fields)) == [*list(fields.values())[:1100], *[None] * 100]


def test_requests_are_numbered_and_the_status_is_readable(publisher: Publisher) -> None:
    assert publisher.requests() == 0
    assert [publisher.request(), publisher.request()] == [1, 2]
    publisher.write_status(TrainingStatus(phase="load", outcome="published"))
    publisher.write_status(TrainingStatus(phase="fit"))
    assert publisher.read_status() == TrainingStatus(phase="fit", outcome="published")
