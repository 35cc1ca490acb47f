"""Lists published models and serves another one. The pointer moves by compare-and-set, with an audit line."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.stored import keyspace
from contracts.stored.completeness import counted_keys, is_whole, sizes_of
from contracts.stored.manifest import BlendRecord, Manifest, ManifestError, WeightChoice
from contracts.stored.pointer import MOVE_KEYS, MOVE_SCRIPT, audit_line, move_arguments
from serving.http.problems import ProblemError
from serving.redis.store import Store

_AUTHOR = "api"  # who moved the pointer, in a line of audit
_REASON = "by hand"


class Horizon(BaseModel):
    """How a blend ranks for one time since the user's last event."""

    weights: dict[str, float] = Field(description="By signal: its weight, in units of its deviation")
    alone: dict[str, float] = Field(description="By signal: NDCG@10 of a list by it alone")
    ndcg: float | None = Field(description="NDCG@10 of the blend on the same questions")
    why: str | None = Field(description="What the weights were chosen on")


class VersionBlend(BaseModel):
    """What ranks in a version."""

    hot: Horizon = Field(description="Right after the user's last event")
    cold: Horizon = Field(description="Long after it")
    half_life_hours: float = Field(description="After how long a list lies halfway between the two")
    with_known_items: bool = Field(description="Whether lists may hold items that the user has had")


class ModelVersion(BaseModel):
    """A published version, as its manifest tells."""

    version: str
    served: bool
    created_at: str | None
    previous: str | None
    metrics: dict[str, float]
    blend: VersionBlend | None = Field(description="Null for a version that ranks by its factors alone")


class Models(BaseModel):
    """Every version that Redis holds, the newest first."""

    models: list[ModelVersion]


class ModelMoved(BaseModel):
    """The pointer was moved."""

    served: str
    before: str | None


async def versions(store: Store) -> list[ModelVersion]:
    """Every version with a manifest, the newest first. Raises StoreError, ProblemError 500."""
    current, names = await store.ask(
        ("GET", keyspace.CURRENT_MODEL), ("ZREVRANGE", keyspace.MODEL_VERSIONS, 0, -1)
    )
    texts = await store.ask(*(("GET", keyspace.manifest(name.decode())) for name in names))
    return [
        _describe(name.decode(), _parse(text, name.decode()), name == current)
        for name, text in zip(names, texts, strict=True)
        if text
    ]


def _describe(version: str, manifest: Manifest, served: bool) -> ModelVersion:
    metrics = {metric: value for metric, value in manifest.metrics.items() if value is not None}
    return ModelVersion(
        version=version,
        served=served,
        created_at=manifest.created_at,
        previous=manifest.previous,
        metrics=metrics,
        blend=None if manifest.blend is None else _describe_blend(manifest.blend),
    )


def _describe_blend(record: BlendRecord) -> VersionBlend:
    return VersionBlend(
        hot=_describe_horizon(record.hot, record.hot_choice),
        cold=_describe_horizon(record.cold, record.cold_choice),
        half_life_hours=record.half_life_hours,
        with_known_items=record.with_known_items,
    )


def _describe_horizon(weights: dict[str, float], choice: WeightChoice | None) -> Horizon:
    return Horizon(
        weights=weights,
        alone={} if choice is None else choice.alone,
        ndcg=None if choice is None or choice.ndcg is None else choice.ndcg[0],
        why=None if choice is None else choice.why,
    )


async def promote(store: Store, version: str, action: str = "promote") -> ModelMoved:
    """Serve a version that Redis holds whole. Raises ProblemError 404, 409 or 500, StoreError."""
    current, text = await store.ask(("GET", keyspace.CURRENT_MODEL), ("GET", keyspace.manifest(version)))
    before = current.decode() if current else None
    if text is None:
        raise ProblemError(404, "Redis holds no such version; GET /v1/models lists those it has")
    if version == before:
        raise ProblemError(409, "This version is served already")
    await _check_whole(store, version, _parse(text, version))
    return await _move(store, version, before, action)


async def roll_back(store: Store) -> ModelMoved:
    """Serve the version again that was served before. Raises ProblemError 404, 409 or 500, StoreError."""
    (current,) = await store.ask(("GET", keyspace.CURRENT_MODEL))
    text = None
    if current:
        (text,) = await store.ask(("GET", keyspace.manifest(current.decode())))
    previous = _parse(text, current.decode()).previous if text else None
    if previous is None:
        raise ProblemError(409, "There is no earlier version to go back to")
    return await promote(store, previous, "rollback")


def _parse(text: bytes, version: str) -> Manifest:
    try:
        return Manifest.from_json(text, version)
    except ManifestError as error:
        raise ProblemError(500, str(error)) from error


async def _check_whole(store: Store, version: str, manifest: Manifest) -> None:
    lengths = await store.ask(*(("HLEN", key) for key in counted_keys(version, store.shards)))
    found = sizes_of(lengths, store.shards)
    if not is_whole(manifest, found):
        detail = f"Redis holds this version no longer whole ({found}); `headwater train --now` makes one"
        raise ProblemError(409, detail)


async def _move(store: Store, version: str, before: str | None, action: str) -> ModelMoved:
    line = audit_line(_AUTHOR, action, before, version, _REASON)
    command = ("EVAL", MOVE_SCRIPT, len(MOVE_KEYS), *MOVE_KEYS, *move_arguments(line))
    (moved,) = await store.ask_alone(command)
    if not moved:
        raise ProblemError(409, "Another version was published meanwhile: look at GET /v1/models again")
    return ModelMoved(served=version, before=before)
