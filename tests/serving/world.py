"""A small world in Redis, as streaming and training would leave it; it is written by the contracts alone."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from clients.redis.connection import redis_client
from contracts.events import DEFAULT_WEIGHTS
from contracts.stored import keyspace, records
from contracts.stored.manifest import BlendRecord, GateRecord
from tests.manifests import a_manifest

PARAMETERS: dict[str, Any] = {"als_reg_param": 0.1, "als_alpha": 2.0, "als_nonnegative": False}
RATING = records.TYPE_CODES["rating"] - 1


@dataclass
class World:
    """Items by popularity, histories, and models by version."""

    items: dict[str, float] = field(default_factory=lambda: {f"i{i:02}": float(30 - i) for i in range(30)})
    histories: dict[str, list[str]] = field(default_factory=lambda: {"ann": ["i00", "i01"], "bob": ["i05"]})
    top: dict[str, list[tuple[str, float]]] = field(
        default_factory=lambda: {"ann": [("i00", 0.9), ("i10", 0.8), ("i11", 0.7)]}
    )
    # user -> (version, indexes, scores): indexes, because new items lie beyond the model's
    fresh: dict[str, tuple[str, tuple[int, ...], tuple[float, ...]]] = field(default_factory=dict)
    hotness: dict[str, float] = field(default_factory=dict)  # of the fresh lists
    read_at: int = 1_000_000  # of the fresh lists, microseconds
    categories: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    trending: dict[int, dict[str, float]] = field(default_factory=dict)  # half-life -> item -> score
    factors: NDArray[np.float32] | None = None  # a row an item, by its place in the sorted ids
    rating_factors: NDArray[np.float32] | None = None  # the same, of the explicit model
    parameters: dict[str, Any] = field(default_factory=dict)
    blend: BlendRecord | None = None
    signals: dict[str, bytes] = field(default_factory=dict)  # the blend's arrays by field
    leads: str = "model"  # what answers begin with, by the gate
    created_at: str = "2026-01-01T00:00:00Z"  # when the model was made
    new_items: list[str] = field(default_factory=list)  # of v1
    newest: dict[str, int] = field(default_factory=dict)  # item -> epoch ms
    users: dict[str, dict[str, str]] = field(default_factory=dict)  # user -> attributes
    segments: dict[str, list[tuple[str, float]]] = field(default_factory=dict)  # of v1
    online_through: int | None = None
    shards: int = 1

    def write(self, url: str, version: str | None = "v1") -> None:
        """Write everything, and point to the version."""
        client = redis_client(url)
        client.set(keyspace.STATE_VERSION, keyspace.STATE)
        self._write_popularity(client)
        for user, items in self.histories.items():
            key = keyspace.history(user, self.shards)
            for moment, item in enumerate(items):
                entry = records.HistoryEntry("rating", 1_000_000 + moment, str(uuid.uuid4()), 4.0)
                client.hset(key, item, records.encode_entry(entry))
                client.zadd(keyspace.recent(user, self.shards), {item: entry.event_time})
        for user, (of_version, indexes, scores) in self.fresh.items():
            fresh = records.FreshList(
                of_version, self.read_at, {0: 1}, indexes, scores, self.hotness.get(user)
            )
            client.set(keyspace.fresh(user, self.shards), records.encode_fresh(fresh))
        if self.new_items:
            client.rpush(keyspace.new_items("v1"), *self.new_items)
        if self.online_through is not None:
            client.hset(keyspace.STREAMING_STATUS, "online_through", str(self.online_through))
        if version is not None:
            self.write_model(client, version)
        client.close()

    def _write_popularity(self, client: redis.Redis) -> None:
        for item, score in self.items.items():
            raters = int(score) // 4
            counts = tuple(raters if place == RATING else 0 for place in range(6))
            popularity = records.Popularity(raters, int(score * records.MICROS) if raters else 0, counts)
            client.zadd(keyspace.POPULAR, {item: score if not raters else popularity.score(DEFAULT_WEIGHTS)})
            client.hset(keyspace.POPULARITY, item, popularity.encode())
            entry: dict[str, Any] = {"kind": "item", "id": item, "title": f"Title {item}", "updated_at": 1}
            entry |= {
                "categories": self.categories.get(item, []),
                "attributes": self.attributes.get(item, {}),
            }
            client.hset(keyspace.CATALOG_ITEMS, item, records.encode_catalog(1, json.dumps(entry)))
            for category in self.categories.get(item, ()):
                client.zadd(keyspace.popular_in(category), {item: score})
        if self.newest:
            client.zadd(keyspace.NEWEST, self.newest)
        for user, attributes in self.users.items():
            about = json.dumps({"kind": "user", "id": user, "attributes": attributes, "updated_at": 1})
            client.hset(keyspace.CATALOG_USERS, user, records.encode_catalog(1, about))
        for half_life, scores in self.trending.items():
            client.zadd(keyspace.trending(half_life), scores)

    def write_model(self, client: redis.Redis, version: str, reverse: bool = False) -> None:
        """Write a version; ``reverse`` gives its items other indexes than another version has."""
        ids = sorted(self.items, reverse=reverse)
        index = {item: place for place, item in enumerate(ids)}
        client.set(keyspace.model_items(version), records.encode_ids(ids))
        lists = [
            (keyspace.top_n(keyspace.shard_of(user, self.shards), version), user, ranked)
            for user, ranked in self.top.items()
        ]
        lists += [(keyspace.segment_lists(version), name, ranked) for name, ranked in self.segments.items()]
        for key, name, ranked in lists:
            raw = records.encode_ranked([index[item] for item, _ in ranked], [score for _, score in ranked])
            client.hset(key, name, raw)
        neighbours = records.encode_ranked([index["i01"], index["i02"]], [0.5, 0.25])
        client.hset(keyspace.similar_items(version), "i00", neighbours)
        client.hset(
            keyspace.top_users(version), "i00", records.encode_ranked_ids(["ann", "bob"], [0.5, 0.25])
        )
        if self.rating_factors is not None:
            raw = self.rating_factors.astype("<f4").tobytes()
            client.hset(keyspace.rating_factors(version), "0", raw)
        if self.factors is not None:
            parts = [self.factors[:20], self.factors[20:]]  # two, as of a large model
            for name, part in enumerate(parts):
                client.hset(keyspace.model_factors(version), str(name), part.astype("<f4").tobytes())
            client.hset(keyspace.model_factors(version), "user_gramian", b"not read here")
        gate = GateRecord(publish=True, leads=self.leads, reason="as the test wants it")
        manifest = a_manifest(
            version,
            self.parameters,
            created_at=self.created_at,
            metrics={"ndcg@10": 0.2},
            gate=gate,
            blend=self.blend,
        )
        if self.signals:
            client.hset(keyspace.model_signals(version), mapping=self.signals)  # type: ignore[arg-type]
        client.set(keyspace.manifest(version), manifest.to_json())
        client.set(keyspace.CURRENT_MODEL, version)


def labelled_world() -> World:
    """Items with a genre and a year; one is hidden, one has expired."""
    made = World()
    made.categories = {f"i{i:02}": ["Comedy" if i % 2 else "Drama"] for i in range(30)}
    made.attributes = {f"i{i:02}": {"year": str(1990 + i)} for i in range(30)}
    made.attributes["i02"] = {"hidden": "true"}
    made.attributes["i03"] = {"expires_at": "2020-01-01"}
    return made


def factor_world(seed: int = 1) -> World:
    """Items with random factors."""
    random = np.random.default_rng(seed)
    return World(factors=random.normal(size=(30, 4)).astype(np.float32), parameters=dict(PARAMETERS))
