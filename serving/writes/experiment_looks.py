"""Stores what others compute of experiments: looks, to be drawn over time, and the newest report."""

from __future__ import annotations

from contextlib import suppress

from pydantic import ValidationError

from contracts.experiments.look import MAX_LOOKS, Look, is_kept
from contracts.experiments.report import KeptReport
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


async def newest_report(store: Store, name: str) -> KeptReport:
    """The newest report on an experiment's present run. Raises StoreError, ProblemError 404 and 500."""
    found = await experiment(store, name)
    (raw,) = await store.ask_alone(("HGET", keyspace.EXPERIMENT_REPORTS, name))
    kept = None
    if raw is not None:
        with suppress(ValidationError):  # of another version of Headwater: the next one replaces it
            kept = KeptReport.model_validate_json(raw)
    if kept is None or kept.report.run != found.run:
        raise ProblemError(
            404,
            f"Run {found.run} of {name} has no report yet: `headwater experiments report {name}` makes one, "
            "and `headwater up` every GUARDRAILS_EVERY_SECONDS while it runs",
        )
    return kept


async def keep_report(store: Store, name: str, kept: KeptReport) -> None:
    """Keep a report in place of the one before. Raises StoreError, ProblemError 404, 409 and 500."""
    found = await experiment(store, name)
    if found.state == "draft" or kept.report.run != found.run or kept.report.experiment != name:
        raise ProblemError(409, f"This is no report on run {found.run} of {name}, or that has not started")
    await store.ask_alone(("HSET", keyspace.EXPERIMENT_REPORTS, name, kept.model_dump_json()))


def _decode(line: bytes) -> Look | None:
    """A stored look; None for one that cannot be read, because a curve with a gap is better than none."""
    try:
        return Look.model_validate_json(line)
    except ValidationError:
        return None
