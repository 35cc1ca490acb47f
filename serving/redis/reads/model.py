"""Reads of the served model."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from contracts.stored.pointer import AuditLine
from serving.redis.model_cache import Model
from serving.redis.ranked_list import Entry, ranked_list
from serving.redis.store import Store


async def current_version(store: Store) -> str | None:
    """The version the pointer names, None before the first model."""
    (raw,) = await store.ask(("GET", keyspace.CURRENT_MODEL))
    return raw.decode() if raw else None


async def read_manifest(store: Store, version: str) -> Manifest | None:
    """A version's manifest, None where Redis does not hold it. Raises StoreError, ManifestError."""
    (raw,) = await store.ask(("GET", keyspace.manifest(version)))
    return Manifest.from_json(raw, version) if raw else None


async def version_names(store: Store) -> list[str]:
    """The versions that Redis holds, the newest first. Raises StoreError."""
    (names,) = await store.ask(("ZREVRANGE", keyspace.MODEL_VERSIONS, 0, -1))
    return [name.decode() for name in names]


async def batch_list(store: Store, model: Model, user_id: str) -> Sequence[Entry]:
    """A user's list from the training round of a version; empty for an unknown user. Raises StoreError."""
    key = keyspace.top_n(keyspace.shard_of(user_id, store.shards), model.version)
    (raw,) = await store.ask(("HGET", key, user_id))
    return ranked_list(model, raw)


async def newest_audit_lines(store: Store, count: int) -> list[AuditLine]:
    """The newest changes of the served version and refusals, newest first. Raises StoreError."""
    (lines,) = await store.ask(("LRANGE", keyspace.MODEL_AUDIT, -count, -1))
    return [AuditLine.decode(line) for line in reversed(lines)]
