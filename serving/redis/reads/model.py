"""Reads of the served model."""

from __future__ import annotations

import json
from typing import Any

from contracts.stored import keyspace
from serving.redis.store import Store


async def current_version(store: Store) -> str | None:
    """The version the pointer names, None before the first model."""
    (raw,) = await store.ask(("GET", keyspace.CURRENT_MODEL))
    return raw.decode() if raw else None


async def manifest(store: Store) -> dict[str, Any] | None:
    """The current model's manifest, None before the first model."""
    version = await current_version(store)
    if version is None:
        return None
    (raw,) = await store.ask(("GET", keyspace.manifest(version)))
    found: dict[str, Any] = json.loads(raw) if raw else {}
    return {"version": version} | found
