"""Reads of the served model."""

from __future__ import annotations

from contracts.stored import keyspace
from contracts.stored.manifest import Manifest
from serving.redis.store import Store


async def current_version(store: Store) -> str | None:
    """The version the pointer names, None before the first model."""
    (raw,) = await store.ask(("GET", keyspace.CURRENT_MODEL))
    return raw.decode() if raw else None


async def read_manifest(store: Store, version: str) -> Manifest | None:
    """A version's manifest, None where Redis does not hold it. Raises StoreError, ManifestError."""
    (raw,) = await store.ask(("GET", keyspace.manifest(version)))
    return Manifest.from_json(raw, version) if raw else None
