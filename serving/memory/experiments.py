"""The running experiments: each process copies them from Redis once a second, so no answer waits for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.experiments.assignment import Arms, Assignment
from contracts.experiments.changes import WRITE_AGAIN_KEYS, WRITE_AGAIN_SCRIPT, write_again_arguments
from contracts.experiments.record import Experiment, ExperimentError
from contracts.stored import keyspace, records
from serving.question.expression import Expression, ExpressionError, parse
from serving.question.item_facts import ItemFacts
from serving.question.treatment import NO_TREATMENT, Treatment, treatment_of
from serving.redis.store import Store, StoreError

_log = logging.getLogger(__name__)
_KEPT_TREATMENTS = 10_000


@dataclass(frozen=True)
class _Running:
    arms: Arms
    by_session: bool
    segment: Expression | None


class ExperimentsInForce:
    """This process's copy, as of its last refresh. Who is in which arm is computed, never stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision: bytes | None = None
        self._records: Mapping[bytes, bytes] = {}
        self._runs: Mapping[bytes, bytes] = {}
        self._running: Sequence[_Running] = ()
        self._treatments: dict[tuple[tuple[str, str, bool], ...], Treatment] = {}

    async def refresh(self) -> None:
        """Read them again if one has changed. Raises StoreError and keeps what it has.

        Where Redis was emptied, they are written again: a running experiment goes on, and users keep their
        arms.
        """
        revision = await self._revision_in_redis()
        if revision is None and self._revision is not None:
            await self._write_again(self._revision)
            revision = await self._revision_in_redis()
        if revision == self._revision:
            return
        found, runs = await self._store.ask_alone(
            ("HGETALL", keyspace.EXPERIMENTS), ("HGETALL", keyspace.EXPERIMENT_RUNS)
        )
        running = [each for each in map(_read, found.items()) if each is not None]
        definitions = [each.arms.experiment.definition for each in running]
        await self._store.pin({version for each in definitions for version in each.named_versions()})
        self._running = sorted(running, key=lambda each: each.arms.experiment.name)
        self._treatments = {}
        self._records, self._runs, self._revision = found, runs, revision

    async def _revision_in_redis(self) -> bytes | None:
        (revision,) = await self._store.ask(("GET", keyspace.EXPERIMENTS_REVISION))
        return None if revision is None else bytes(revision)

    async def _write_again(self, revision: bytes) -> None:
        arguments = write_again_arguments(revision, self._records, self._runs)
        await self._store.ask_alone(
            ("EVAL", WRITE_AGAIN_SCRIPT, len(WRITE_AGAIN_KEYS), *WRITE_AGAIN_KEYS, *arguments)
        )
        _log.warning("Redis was emptied: its %d experiments are written again", len(self._records))

    async def treatment(self, user_id: str | None, session_id: str | None = None) -> Treatment:
        """What the running experiments ask of an answer. Reads Redis only where one has a segment."""
        if not self._running:
            return NO_TREATMENT
        assignments = []
        for each in self._running:
            unit_id = session_id if each.by_session else user_id
            assignment = None if not unit_id else each.arms.assign(unit_id)
            if assignment is None:
                continue
            if each.segment is None or assignment.tester or await self._holds(each.segment, user_id):
                assignments.append(assignment)
        return self._treatment_of(tuple(assignments)) if assignments else NO_TREATMENT

    def _treatment_of(self, assignments: tuple[Assignment, ...]) -> Treatment:
        key = tuple((each.run, each.arm.name, each.tester) for each in assignments)
        found = self._treatments.get(key)
        if found is None:
            if len(self._treatments) >= _KEPT_TREATMENTS:
                self._treatments.clear()
            found = self._treatments[key] = treatment_of(assignments)
        return found

    async def _holds(self, segment: Expression, user_id: str | None) -> bool:
        """Whether the user's metadata meet the expression; False where Redis does not answer."""
        try:
            (raw,) = await self._store.ask(("HGET", keyspace.CATALOG_USERS, user_id or ""))
        except StoreError:
            return False
        attributes = (records.decode_catalog(raw) if raw else {}).get("attributes")
        return segment.holds(ItemFacts(attributes=attributes if isinstance(attributes, Mapping) else {}))


def _read(entry: tuple[bytes, bytes]) -> _Running | None:
    """One record; None where the experiment does not run. A damaged one must not stop the others."""
    name, raw = entry
    try:
        experiment = Experiment.from_json(raw)
        definition = experiment.definition
        segment = definition.audience.segment
        for arm in definition.arms:
            parse(arm.parameters.filter or "a=b")
        if experiment.state != "running":
            return None
        return _Running(
            arms=Arms(experiment),
            by_session=definition.unit == "session",
            segment=None if segment is None else parse(segment),
        )
    except (ExperimentError, ExpressionError) as error:
        _log.warning("experiment %s is left out: %s", name.decode(errors="replace"), error)
        return None
