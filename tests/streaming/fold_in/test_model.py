from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from contracts.stored import keyspace
from streaming.fold_in.model import OnlineModels, load
from tests.streaming.model_in_redis import publish, publish_with_blend


@pytest.fixture(autouse=True)
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
        yield connection


def test_the_factors_of_a_published_version_are_read_from_mapped_files(client: redis.Redis) -> None:
    factors = publish(client, "v1", ["a", "b", "ü"])
    model = load(client, "v1")
    assert model is not None
    assert isinstance(model.factors, np.memmap)
    assert np.array_equal(model.factors, factors)
    assert model.index == {b"a": 0, b"b": 1, "ü".encode(): 2}
    assert np.allclose(model.gramian, factors.astype(float).T @ factors)
    assert (model.alpha, model.reg_param, model.nonnegative) == (0.5, 0.01, False)


def test_factors_in_several_parts_are_read_in_order(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyspace, "ITEMS_PER_PART", 2)
    factors = publish(client, "v1", ["a", "b", "c"], seed=5)
    for part in range(2):
        client.hset(keyspace.model_factors("v1"), str(part), factors[2 * part : 2 * part + 2].tobytes())
    model = load(client, "v1")
    assert model is not None
    assert np.array_equal(model.factors, factors)


def test_an_equal_version_name_in_another_redis_is_another_model(client: redis.Redis) -> None:
    publish(client, "v1", ["a", "b"], seed=1)
    load(client, "v1")
    other = publish(client, "v1", ["a", "b"], seed=2)
    model = load(client, "v1")
    assert model is not None
    assert np.array_equal(model.factors, other)


def test_a_version_without_factors_gives_no_model(client: redis.Redis) -> None:
    publish(client, "v1", ["a"])
    client.delete(keyspace.model_factors("v1"))
    assert load(client, "v1") is None
    assert OnlineModels().of(client, None) is None


def test_a_version_is_read_once_per_process(client: redis.Redis) -> None:
    publish(client, "v1", ["a"])
    models = OnlineModels()
    first = models.of(client, "v1")
    assert first is not None
    client.flushall()
    assert models.of(client, "v1") is first


def test_a_version_with_a_damaged_manifest_gives_no_model(
    client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    publish(client, "v1", ["a", "b"])
    client.set(keyspace.manifest("v1"), "{}")
    with caplog.at_level(logging.WARNING):
        assert load(client, "v1") is None
    assert "The manifest of v1 is damaged" in caplog.text


def test_a_version_without_a_blend_ranks_by_its_factors(client: redis.Redis) -> None:
    publish(client, "v1", ["a", "b"])
    model = load(client, "v1")
    assert model is not None
    assert model.blend is None


def test_a_blend_is_read_as_it_was_published(client: redis.Redis) -> None:
    published = publish_with_blend(client, "v1", [f"i{n}" for n in range(20)], with_known_items=True)
    model = load(client, "v1")
    assert model is not None
    assert model.blend is not None
    assert model.blend.blend == published.served.blend
    assert model.blend.signals.keys() == published.served.signals.keys()


def test_missing_arrays_of_a_blend_are_logged_once_and_the_factors_rank_alone(
    client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    publish_with_blend(client, "v1", [f"i{n}" for n in range(20)])
    client.delete(keyspace.model_signals("v1"))
    models = OnlineModels()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            model = models.of(client, "v1")
    assert model is not None
    assert model.blend is None
    assert caplog.text.count("fresh lists of model v1 go by its factors alone") == 1
