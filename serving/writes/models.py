"""Published models: look at them, serve another one. The pointer moves by compare-and-set, and is audited."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from pydantic import BaseModel

from contracts.stored import keyspace
from serving.http.problems import ProblemError
from serving.redis.store import Store

_AUDIT_LINES = 1000
_MOVE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[4]), -1)
return 1
"""


class ModelVersion(BaseModel):
    """A published version, as its manifest tells."""

    version: str
    served: bool
    created_at: str | None
    previous: str | None
    metrics: dict[str, float]


class Models(BaseModel):
    """Every version that Redis holds, the newest first."""

    models: list[ModelVersion]


class ModelMoved(BaseModel):
    """The pointer was moved."""

    served: str
    before: str | None


async def versions(store: Store) -> list[ModelVersion]:
    """Every version with a manifest, the newest first. Raises StoreError."""
    current, names = await store.ask(
        ("GET", keyspace.CURRENT_MODEL), ("ZREVRANGE", keyspace.MODEL_VERSIONS, 0, -1)
    )
    texts = await store.ask(*(("GET", keyspace.manifest(name.decode())) for name in names))
    return [
        _version(name.decode(), json.loads(text), name == current)
        for name, text in zip(names, texts, strict=True)
        if text
    ]


def _version(name: str, manifest: dict[str, Any], served: bool) -> ModelVersion:
    metrics = {
        metric: float(value)
        for metric, value in (manifest.get("metrics") or {}).items()
        if isinstance(value, (int, float))
    }
    created_at = manifest.get("created_at")
    return ModelVersion(
        version=name,
        served=served,
        created_at=None if created_at is None else str(created_at),
        previous=manifest.get("previous"),
        metrics=metrics,
    )


async def promote(store: Store, version: str, action: str = "promote") -> ModelMoved:
    """Serve a version that Redis holds whole. Raises ProblemError 404 or 409, StoreError."""
    current, text = await store.ask(("GET", keyspace.CURRENT_MODEL), ("GET", keyspace.manifest(version)))
    before = current.decode() if current else None
    if text is None:
        raise ProblemError(404, "Redis holds no such version; GET /v1/models lists those it has")
    if version == before:
        raise ProblemError(409, "This version is served already")
    await _check_whole(store, version, json.loads(text))
    return await _move(store, version, before, action)


async def roll_back(store: Store) -> ModelMoved:
    """Serve again what was served before. Raises ProblemError 404 or 409, StoreError."""
    (current,) = await store.ask(("GET", keyspace.CURRENT_MODEL))
    text = None
    if current:
        (text,) = await store.ask(("GET", keyspace.manifest(current.decode())))
    previous = json.loads(text or "{}").get("previous")
    if previous is None:
        raise ProblemError(409, "There is no earlier version to go back to")
    return await promote(store, previous, "rollback")


async def _check_whole(store: Store, version: str, manifest: dict[str, Any]) -> None:
    tops = [keyspace.top_n(shard, version) for shard in range(store.shards)]
    others = [keyspace.similar_items(version), keyspace.top_users(version), keyspace.model_factors(version)]
    lengths = await store.ask(*(("HLEN", key) for key in (*tops, *others)))
    similar, users, factors = lengths[store.shards :]
    sizes = {"lists": sum(lengths[: store.shards]), "similar": similar, "users": users, "factors": factors}
    if not sizes["lists"] or sizes != manifest.get("sizes", sizes):
        detail = f"Redis holds this version no longer whole ({sizes}); `headwater train --now` makes one"
        raise ProblemError(409, detail)


async def _move(store: Store, version: str, before: str | None, action: str) -> ModelMoved:
    line = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "by": "api",
        "action": action,
        "from": before or "",
        "to": version,
        "reason": "by hand",
    }
    arguments = (before or "", version, json.dumps(line), _AUDIT_LINES)
    (moved,) = await store.ask_alone(
        ("EVAL", _MOVE, 2, keyspace.CURRENT_MODEL, keyspace.MODEL_AUDIT, *arguments)
    )
    if not moved:
        raise ProblemError(409, "Another version was published meanwhile: look at GET /v1/models again")
    return ModelMoved(served=version, before=before)
