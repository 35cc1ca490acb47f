"""A small model as the trainer publishes it, for the tests of what reads it."""

from __future__ import annotations

import numpy as np
import redis
from numpy.typing import NDArray

from contracts.events import DEFAULT_WEIGHTS
from contracts.stored import keyspace
from contracts.stored.records import encode_ids
from tests.manifests import a_manifest

PARAMETERS = {
    "als_alpha": 0.5,
    "als_reg_param": 0.01,
    "als_nonnegative": False,
    "rating_strengths": {"0.0": -0.5, "3.0": 0.0, "4.0": 1.0, "5.0": 2.0},
    "event_weights": DEFAULT_WEIGHTS,
}


def publish(
    client: redis.Redis, version: str, items: list[str], rank: int = 3, seed: int = 0
) -> NDArray[np.float32]:
    """Write a version with random item factors and move the pointer; returns the factors."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(len(items), rank)).astype(np.float32)
    users = random.normal(size=(50, rank))
    manifest = a_manifest(version, PARAMETERS | {"als_rank": rank})
    client.set(keyspace.manifest(version), manifest.to_json())
    client.set(keyspace.model_items(version), encode_ids(items))
    client.hset(keyspace.model_factors(version), "0", factors.tobytes())
    client.hset(keyspace.model_factors(version), "user_gramian", (users.T @ users).tobytes())
    client.set(keyspace.CURRENT_MODEL, version)
    return factors
