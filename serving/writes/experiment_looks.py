"""Stores looks at running experiments, so that their figures can be drawn over time."""

from __future__ import annotations

from pydantic import ValidationError

from contracts.experiments.look import MAX_LOOKS, Look, is_kept
from contracts.stored import keyspace
from serving.http.problems import ProblemError
from serving.redis.store import Store
from serving.writes.experiments import experiment


async def looks(store: Store, name: str) -> list[Look]:
    """The looks of an experiment's present run, oldest first. Raises StoreError, ProblemError 404 and 500."""
    run = (await experiment(store, name)).run
    (lines,) = await store.ask_alone(("LRANGE", keyspace.experiment_looks(name), 0, -1))
    return [look for look in map(_decode, lines) if look is not None and look.run == run]


async def keep_look(store: Store, name: str, look: Look) -> None:
    """Keep a look at a running experiment. Raises StoreError, ProblemError 404, 409, 422 and 500."""
    found = await experiment(store, name)
    if found.state != "running" or look.run != found.run:
        raise ProblemError(409, f"Run {look.run} of {name} is not running")
    unknown = {each.arm for each in look.arms} - {arm.name for arm in found.definition.arms}
    if unknown:
        raise ProblemError(422, f"{name} has no arm {sorted(unknown)[0]!r}")
    key = keyspace.experiment_looks(name)
    (last,) = await store.ask_alone(("LRANGE", key, -1, -1))
    kept = [before for before in map(_decode, last) if before is not None]
    if is_kept(look, kept, found.definition.planned_days):
        await store.ask_alone(("RPUSH", key, look.model_dump_json()), ("LTRIM", key, -MAX_LOOKS, -1))


def _decode(line: bytes) -> Look | None:
    """A stored look; None for one that cannot be read, because a curve with a gap is better than none."""
    try:
        return Look.model_validate_json(line)
    except ValidationError:
        return None
