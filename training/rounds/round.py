"""One training round as a sentence: load, fit on the past, measure, decide, fit on all, rank, publish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from contracts.stored.statuses import RoundOutcome
from training.registry.publish import Publisher
from training.rounds.description import describe
from training.rounds.gate import Assessment, Gate
from training.rounds.inputs import RoundInputs, read_inputs
from training.rounds.publication import Publication

log = logging.getLogger("headwater.training")


@dataclass
class Round:
    """What a round works with, and how long its phases took so far."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    on_phase: Callable[[str], None]
    cause: str | None = None  # why drift asked for the round; None: drift did not
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, and pass its name to ``on_phase``."""
        self.on_phase(name)
        started = time.monotonic()
        yield
        self.timings[name] = round(time.monotonic() - started, 3)


class RoundResult(NamedTuple):
    """How a round ended; the manifest is None where nothing was fitted."""

    outcome: RoundOutcome
    manifest: Manifest | None


def train(run: Round) -> RoundResult:
    """Train on the newest version of the lake, and publish what is not worse than what is served."""
    with run.phase("load"):
        inputs = read_inputs(run.spark, run.settings, run.publisher)
    if not isinstance(inputs, RoundInputs):
        return RoundResult(inputs, None)
    try:
        return _fit_and_publish(run, inputs)
    finally:
        inputs.data.release()


def _reason(run: Round, assessment: Assessment) -> str:
    """The gate's reason, and where drift asked for the round, that."""
    return "; ".join(filter(None, (assessment.decision.reason, run.cause)))


def _fit_and_publish(run: Round, inputs: RoundInputs) -> RoundResult:
    data, champion = inputs.data, inputs.champion
    with run.phase("measure"):
        assessment = Gate(run.settings).assess(data, champion)
    manifest = describe(run.settings, inputs, assessment)
    if run.cause is not None:
        manifest = manifest.with_parts(cause=run.cause)
    if not assessment.decision.publish:
        run.publisher.record("refuse", inputs.served_version, manifest.version, _reason(run, assessment))
        return RoundResult("refused_by_gate", manifest.with_parts(timings=run.timings))
    with Publication(run.spark, run.settings, run.publisher, manifest.version) as publication:
        with run.phase("fit"):
            model = data.fit(run.settings, champion if assessment.warm else None, assessment.blend)
            if model.blend is not None:
                manifest = manifest.with_parts(blend=model.blend.record)
            model.save(run.settings.models_uri, manifest.version, assessment.measured_items)
        with run.phase("publish"):
            reused = assessment.reusable_lists(champion, run.settings)
            lists = publication.write(model, data.item_ids(), reused)
            publication.leave_out_erased(inputs.erasures)
        manifest = publication.complete(manifest, lists, run.timings)
        outcome = publication.publish(manifest, inputs.served_version)
    return RoundResult(outcome, manifest)
