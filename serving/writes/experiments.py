"""Defines, starts and stops experiments. Each change writes a line of audit in the same step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from contracts.experiments.changes import (
    CHANGE_KEYS,
    CHANGE_SCRIPT,
    ExperimentChange,
    change_arguments,
    change_of,
)
from contracts.experiments.definition import Definition
from contracts.experiments.record import (
    MAX_EXPERIMENTS,
    Experiment,
    ExperimentError,
    define,
    start,
    stop,
    stop_arm,
)
from contracts.stored import keyspace
from contracts.stored.completeness import counted_keys, is_whole, sizes_of
from contracts.stored.manifest import Manifest, ManifestError
from serving.http.problems import ProblemError
from serving.question.expression import ExpressionError, parse
from serving.redis.store import Store

_AUTHOR = "api"


class _Stored(NamedTuple):
    experiment: Experiment
    raw: bytes


async def experiments(store: Store) -> list[Experiment]:
    """Every experiment, the newest first. Raises StoreError, ProblemError 500 for a damaged record."""
    (found,) = await store.ask_alone(("HGETALL", keyspace.EXPERIMENTS))
    read = [_decode(raw, name.decode(errors="replace")) for name, raw in found.items()]
    return sorted(read, key=lambda each: (-each.created_at, each.name))


async def experiment(store: Store, name: str) -> Experiment:
    """One experiment. Raises StoreError, ProblemError 404 and 500."""
    return (await _read_stored(store, name)).experiment


async def audit(store: Store) -> list[ExperimentChange]:
    """Every change, the newest last."""
    (lines,) = await store.ask_alone(("LRANGE", keyspace.EXPERIMENT_AUDIT, 0, -1))
    return [ExperimentChange.decode(line) for line in lines]


async def define_experiment(store: Store, definition: Definition) -> Experiment:
    """Store a draft of the definition. Raises StoreError, ProblemError 409 and 422."""
    _check_expressions(definition)
    raw, count, runs = await store.ask_alone(
        ("HGET", keyspace.EXPERIMENTS, definition.name),
        ("HLEN", keyspace.EXPERIMENTS),
        ("HMGET", keyspace.EXPERIMENT_RUNS, definition.name, ""),
    )
    if raw is None and count >= MAX_EXPERIMENTS:
        raise ProblemError(409, f"{MAX_EXPERIMENTS} experiments are kept: delete one that is over")
    existing = _decode(raw, definition.name) if raw else None
    last_run = max(int(run or 0) for run in runs)
    draft = _step(lambda: define(definition, existing, _now(), last_run))
    return await _write(store, "define", raw, draft, definition.hypothesis)


async def start_experiment(store: Store, name: str) -> Experiment:
    """Start a draft. Raises StoreError, ProblemError 404 and 409."""
    stored = await _read_stored(store, name)
    others = await experiments(store)
    started = _step(lambda: start(stored.experiment, others, _now()))
    for version in sorted(started.definition.named_versions()):
        await _check_version(store, version)
    return await _write(store, "start", stored.raw, started, "by hand")


async def stop_experiment(store: Store, name: str, reason: str) -> Experiment:
    """Stop a running experiment. Raises StoreError, ProblemError 404 and 409."""
    stored = await _read_stored(store, name)
    stopped = _step(lambda: stop(stored.experiment, reason, _now()))
    return await _write(store, "stop", stored.raw, stopped, reason)


async def stop_one_arm(store: Store, name: str, arm: str, reason: str) -> Experiment:
    """Stop one arm of a running experiment. Raises StoreError, ProblemError 404 and 409."""
    stored = await _read_stored(store, name)
    changed = _step(lambda: stop_arm(stored.experiment, arm, reason, _now()))
    return await _write(store, "stop_arm", stored.raw, changed, f"{arm}: {reason}")


async def delete_experiment(store: Store, name: str) -> None:
    """Forget an experiment that does not run. Raises StoreError, ProblemError 404 and 409."""
    raw = await _raw(store, name)
    last_run = 0
    try:
        found = Experiment.from_json(raw)
        last_run = found.last_run
        if found.state == "running":
            raise ProblemError(409, f"{name} is running: stop it first")
    except ExperimentError:  # no process runs a damaged record, and nothing else can delete it
        pass
    await _change(store, change_of(_AUTHOR, "delete", name, "by hand"), raw, "", last_run)
    await store.ask_alone(
        ("DEL", keyspace.experiment_looks(name)), ("HDEL", keyspace.EXPERIMENT_REPORTS, name)
    )


async def _read_stored(store: Store, name: str) -> _Stored:
    raw = await _raw(store, name)
    return _Stored(_decode(raw, name), raw)


async def _raw(store: Store, name: str) -> bytes:
    (raw,) = await store.ask_alone(("HGET", keyspace.EXPERIMENTS, name))
    if raw is None:
        raise ProblemError(404, "There is no such experiment; GET /v1/experiments lists them")
    return bytes(raw)


async def _write(
    store: Store, action: str, before: bytes | None, changed: Experiment, reason: str
) -> Experiment:
    line = change_of(_AUTHOR, action, changed.name, reason)
    await _change(store, line, before, changed.to_json(), changed.last_run)
    return changed


async def _change(
    store: Store, line: ExperimentChange, before: bytes | None, record: str, last_run: int
) -> None:
    arguments = change_arguments(line, before, record, last_run)
    (changed,) = await store.ask_alone(("EVAL", CHANGE_SCRIPT, len(CHANGE_KEYS), *CHANGE_KEYS, *arguments))
    if not changed:
        raise ProblemError(409, "The experiment was changed meanwhile: look at it again")


async def _check_version(store: Store, version: str) -> None:
    text, *lengths = await store.ask_alone(
        ("GET", keyspace.manifest(version)), *(("HLEN", key) for key in counted_keys(version, store.shards))
    )
    try:
        whole = text is not None and is_whole(
            Manifest.from_json(text, version), sizes_of(lengths, store.shards)
        )
    except ManifestError as error:
        raise ProblemError(409, str(error)) from error
    if not whole:
        raise ProblemError(
            409,
            f"An arm serves the version {version}, and Redis does not hold it whole; GET /v1/models lists "
            "those it has",
        )


def _check_expressions(definition: Definition) -> None:
    texts = [("/body/audience/segment", definition.audience.segment)]
    texts += [
        (f"/body/arms/{place}/parameters/filter", arm.parameters.filter)
        for place, arm in enumerate(definition.arms)
    ]
    for pointer, text in texts:
        try:
            if text is not None:
                parse(text)
        except ExpressionError as error:
            reason = str(error)
            raise ProblemError(422, f"{pointer}: {reason}", errors=[(pointer, reason)]) from error


def _step(change: Callable[[], Experiment]) -> Experiment:
    try:
        return change()
    except ExperimentError as error:
        raise ProblemError(409, str(error)) from error


def _decode(raw: bytes, name: str) -> Experiment:
    try:
        return Experiment.from_json(raw)
    except ExperimentError as error:
        raise ProblemError(500, f"{name}: {error}. DELETE /v1/experiments/{name} removes it") from error


def _now() -> int:
    return time.time_ns() // 1_000_000
