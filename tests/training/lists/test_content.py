from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from algorithms.content.placement import Placement
from algorithms.content.stretch import PlacedScores
from clients.redis.connection import redis_client
from contracts.catalog import content_of
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.records import encode_catalog
from training.lists import content as module
from training.lists.content import write_content
from training.registry.publish import Publisher

IDS = [f"i{n}" for n in range(60)]
FACTORS = np.where(np.arange(60)[:, None] % 2 == 0, [[1.0, 0.0]], [[0.0, 1.0]]).astype(np.float32)


def entry(kind: str) -> dict[str, Any]:
    return {"categories": [kind]}


def describe(client: redis.Redis, ids: list[str]) -> None:
    for item in ids:
        text = json.dumps(entry("even" if int(item[1:]) % 2 == 0 else "odd"))
        client.hset(keyspace.CATALOG_ITEMS, item, encode_catalog(1, text))


def test_the_catalogues_entries_of_the_versions_items_place_new_ones(redis_url: str) -> None:
    publisher = Publisher.of(TrainingSettings(redis_url=redis_url))
    with redis_client(redis_url) as client:
        describe(client, IDS[:50])  # the others have no entry
        write_content(publisher, "v1", IDS, FACTORS)
        raw: Any = client.get(keyspace.model_content("v1"))
    placed = Placement.decode(raw).place([content_of(entry("even")), content_of(entry("odd"))])
    assert placed.argmax(axis=1).tolist() == [0, 1]


def test_without_an_entry_of_the_versions_items_nothing_is_written(redis_url: str) -> None:
    write_content(Publisher.of(TrainingSettings(redis_url=redis_url)), "v1", IDS, FACTORS)
    with redis_client(redis_url) as client:
        assert not client.exists(keyspace.model_content("v1"))


def test_of_very_many_items_those_with_the_longest_factors_are_read(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FITTED", 10)
    longest = FACTORS * np.where(np.arange(60) < 10, 2, 1)[:, None].astype(np.float32)
    publisher = Publisher.of(TrainingSettings(redis_url=redis_url))
    with redis_client(redis_url) as client:
        describe(client, IDS[10:])
        write_content(publisher, "v1", IDS, longest)
        assert not client.exists(keyspace.model_content("v1"))
        describe(client, IDS[:10])
        write_content(publisher, "v1", IDS, longest)
        assert client.exists(keyspace.model_content("v1"))


def test_factors_are_as_long_as_their_part_of_the_places_needs(redis_url: str) -> None:
    def score_placed(placed: NDArray[np.float32]) -> PlacedScores:
        assert placed.shape == FACTORS.shape
        return PlacedScores(np.full(20, 2.0, np.float32), np.ones((20, 60)))

    publisher = Publisher.of(TrainingSettings(redis_url=redis_url))
    with redis_client(redis_url) as client:
        describe(client, IDS)
        write_content(publisher, "v1", IDS, FACTORS)
        write_content(publisher, "v2", IDS, FACTORS, score_placed)
        first, second = (Placement.decode(client.get(keyspace.model_content(v)) or b"") for v in ("v1", "v2"))  # type: ignore[arg-type]
    assert second.weights == pytest.approx(2 * first.weights)
