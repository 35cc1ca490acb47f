"""A small model as the trainer publishes it, for tests of its readers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from algorithms.blending.serialization import Arrays, ServedBlend, describe_signals, read_blend
from algorithms.blending.signal_options import fit_offered
from algorithms.blending.stored_arrays import encode_arrays
from algorithms.signals.factors import Factors
from algorithms.signals.history import from_events
from contracts.events import DEFAULT_WEIGHTS
from contracts.stored import keyspace
from contracts.stored.manifest import BlendRecord
from contracts.stored.records import encode_ids
from tests.manifests import a_manifest

PARAMETERS = {
    "als_alpha": 0.5,
    "als_reg_param": 0.01,
    "als_nonnegative": False,
    "rating_strengths": {"0.0": -0.5, "3.0": 0.0, "4.0": 1.0, "5.0": 2.0},
    "event_weights": DEFAULT_WEIGHTS,
}
HOT = {"factors": 0.2, "item_to_item/15": 1.0, "transitions/4": 0.7, "trend/day": 0.1}
COLD = {"factors": 0.4, "long_view": 1.0, "popularity": 0.2}


class PublishedBlend(NamedTuple):
    """The blend of a version: its record, its stored arrays, and both as they are read."""

    record: BlendRecord
    arrays: Arrays
    served: ServedBlend


def a_blend(
    factors: NDArray[np.float32],
    hot: dict[str, float] | None = None,
    cold: dict[str, float] | None = None,
    with_known_items: bool = False,
) -> PublishedBlend:
    """Signals fitted from random histories (HOT and COLD where None), with item factors as published."""
    hot, cold = HOT if hot is None else hot, COLD if cold is None else cold
    random, events = np.random.default_rng(7), 40 * len(factors)
    histories = from_events(
        random.integers(0, 60, events),
        random.integers(0, len(factors), events),
        random.permutation(events) * 60_000,
        user_count=60,
    )
    names = {**hot, **cold}
    offered = fit_offered(histories, len(factors), factors=Factors(factors, 0.01, 0.5), only=names)
    signals, arrays = describe_signals(offered)
    record = BlendRecord(
        hot=hot,
        cold=cold,
        half_life_hours=8.0,
        with_known_items=with_known_items,
        signals={name: signals[name] for name in names},
    )
    return PublishedBlend(record, arrays, read_blend(record, arrays, Factors(factors, 0.01, 0.5)))


def publish_with_blend(
    client: redis.Redis,
    version: str,
    items: list[str],
    with_known_items: bool = False,
    weights: dict[str, float] | None = None,
) -> PublishedBlend:
    """Like `publish`, with a blend; with the same ``weights`` at any time, if they are given."""
    factors = publish(client, version, items)
    blend = a_blend(factors, hot=weights, cold=weights, with_known_items=with_known_items)
    publish(client, version, items, blend=blend.record)
    client.hset(keyspace.model_signals(version), mapping=encode_arrays(blend.arrays))
    return blend


def publish(
    client: redis.Redis,
    version: str,
    items: list[str],
    rank: int = 3,
    seed: int = 0,
    blend: BlendRecord | None = None,
) -> NDArray[np.float32]:
    """Write a version with random item factors and move the pointer; returns the factors."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(len(items), rank)).astype(np.float32)
    users = random.normal(size=(50, rank))
    manifest = a_manifest(version, PARAMETERS | {"als_rank": rank}, blend=blend)
    client.set(keyspace.manifest(version), manifest.to_json())
    client.set(keyspace.model_items(version), encode_ids(items))
    client.hset(keyspace.model_factors(version), "0", factors.tobytes())
    client.hset(keyspace.model_factors(version), "user_gramian", (users.T @ users).tobytes())
    client.set(keyspace.CURRENT_MODEL, version)
    return factors
