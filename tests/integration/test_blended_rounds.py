"""A version that ranks by a blend of signals: it is published whole, and the next round starts from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from algorithms.blending.serialization import read_blend
from algorithms.blending.stored_arrays import decode_arrays, field_names
from algorithms.signals.factors import Factors
from algorithms.signals.history import from_events
from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from contracts.stored.records import EMPTIED_LIST, decode_ids, decode_ranked
from tests.integration.test_training_rounds import World, interactions
from training.registry import model_folder
from training.registry.outcome import TrainingError
from training.rounds.republication import republish


@pytest.fixture
def world(spark: SparkSession, redis_url: str, tmp_path: Path) -> World:
    made = World(spark, redis_url, tmp_path)
    made.settings = made.settings.model_copy(update={"ranking": "blend"})
    return made


def test_a_blend_is_published_as_a_whole_and_the_lists_equal_those_from_the_stored_arrays(
    world: World,
) -> None:
    world.append(interactions(0, users=60))
    outcome, first = world.round()
    assert outcome == "published"
    assert first is not None
    assert first.blend is not None
    assert first.sizes == world.publisher.sizes(first.version)
    assert first.sizes is not None
    assert first.sizes.signals == len(field_names(first.blend, first.counts.items))
    assert first.evaluation is not None
    assert {"model", "als", "ease", *first.blend.signals} <= (first.evaluation.figures or {}).keys()
    check_lists(world, first)
    check_folder(world, first)

    # The same data again: a warm round keeps the weights and is compared with the blend that is served.
    outcome, second = world.round()
    assert outcome == "published"
    assert second is not None
    assert second.fit is not None
    assert second.fit.warm
    assert second.blend is not None
    assert (second.blend.hot, second.blend.cold) == (first.blend.hot, first.blend.cold)
    assert second.evaluation is not None
    figures = second.evaluation.figures or {}
    assert {"model", "champion", "als", *second.blend.signals} <= figures.keys()
    assert figures["champion"]["ndcg@10"][0] == pytest.approx(figures["model"]["ndcg@10"][0], abs=0.05)
    check_republication(world, second)


def check_republication(world: World, manifest: Manifest) -> None:
    """Restore a version from its folder and the lake: it is the same, except for users erased since."""

    def values() -> dict[str, Any]:
        found = {key: world.client.dump(key) for key in (keyspace.model_items(version),)}
        hashes = set(keyspace.version_keys(version, 2)) - {keyspace.model_items(version), manifest_key}
        return {**found, **{key: world.client.hgetall(key) for key in hashes}}

    version, manifest_key = manifest.version, keyspace.manifest(manifest.version)
    before = values()
    world.client.flushall()
    more = world.settings.model_copy(update={"train_min_events": 1_000_000})
    assert republish(world.spark, more, version) is None
    assert values() == before
    assert world.publisher.current_manifest() == manifest
    assert world.publisher.audit()[-1].action == "republish"

    world.client.flushall()
    erased = keyspace.shard_of("u0", 2)
    world.client.hset(keyspace.erased_users(erased), "u0", 1)
    republish(world.spark, world.settings, version)
    assert world.client.hget(keyspace.top_n(erased, version), "u0") == EMPTIED_LIST

    world.client.flushall()
    other = world.settings.model_copy(update={"als_alpha": 7.0})
    with pytest.raises(TrainingError, match=r"another ALS_ALPHA"):
        republish(world.spark, other, version)
    with pytest.raises(TrainingError, match=r"No finished version 'v9'"):
        republish(world.spark, world.settings, "v9")
    part = Path(world.settings.models_uri) / version / "users" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(TrainingError, match="is damaged"):
        republish(world.spark, world.settings, version)
    assert not world.client.keys()


def check_lists(world: World, manifest: Manifest) -> None:
    """Compute the lists again from Redis and the lake's histories"""
    assert manifest.blend is not None
    version, items = manifest.version, manifest.counts.items
    names = field_names(manifest.blend, items)
    raw: Any = world.client.hmget(keyspace.model_signals(version), names)
    arrays = decode_arrays(manifest.blend, dict(zip(names, raw, strict=True)), items)
    part: Any = world.client.hget(keyspace.model_factors(version), "0")
    factors = np.frombuffer(part, "<f4").reshape(items, -1)
    parameters = manifest.parameters
    served = read_blend(
        manifest.blend, arrays, Factors(factors, parameters.als_reg_param, parameters.als_alpha)
    )
    ids: Any = world.client.get(keyspace.model_items(version))
    place = {item: index for index, item in enumerate(decode_ids(ids))}
    for user in ("u0", "u7"):
        rows = [row for row in interactions(0, users=60) if row[2] == user]
        history = from_events(
            np.zeros(len(rows), np.int64),
            np.array([place[row[3]] for row in rows]),
            np.array([int(row[5].timestamp() * 1000) for row in rows]),
            user_count=1,
            grades=np.array([1.2 if row[4] == 5.0 else -0.3 for row in rows]),
            strengths=np.array([2.0 if row[4] == 5.0 else -0.5 for row in rows]),
        )
        later = history.now_ms + 10 * 86_400_000  # the hot weights no longer count
        expected, _ = served.blend.rank(served.signals, history.asked_at(later), world.settings.top_n)
        listed: Any = world.client.hget(keyspace.top_n(keyspace.shard_of(user, 2), version), user)
        assert list(decode_ranked(listed)[0]) == expected[0][expected[0] >= 0].tolist()


def check_folder(world: World, manifest: Manifest) -> None:
    """Check that the folder has the arrays as well, with checksums."""
    table = model_folder.read_table(
        world.spark, world.settings.models_uri, manifest.version, model_folder.SIGNALS
    )
    assert table is not None
    stored: Any = world.client.hgetall(keyspace.model_signals(manifest.version))
    saved = zip(table["field"].to_pylist(), table["content"].to_pylist(), strict=True)
    assert dict(saved) == {name.decode(): value for name, value in stored.items()}
    assert any(name.startswith("signals/") for name in manifest.checksums or {})
