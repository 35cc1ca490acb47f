"""A report from beginning to end: the experiment from the API, its rows from the lake; and what it stops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from contracts.experiments.record import Experiment
from contracts.settings import ExperimentSettings
from experiments.api import ExperimentApi, ExperimentApiError
from experiments.observations.rows import read_rows
from experiments.observations.units import DAY_MS, observe
from experiments.report.make import make_report
from experiments.report.record import Report


def report_of(settings: ExperimentSettings, experiment: Experiment, known: Sequence[Experiment]) -> Report:
    """The report of an experiment that has started. Raises ExperimentApiError for a draft."""
    if experiment.started_at is None:
        raise ExperimentApiError(f"{experiment.name} has not started: `headwater experiments start`")
    now_ms = time.time_ns() // 1_000_000
    # The time before is as long as the experiment is planned: what CUPED takes.
    before = experiment.started_at - experiment.definition.planned_days * DAY_MS
    rows = read_rows(settings.lake_uri, experiment.salt, before, experiment.started_at)
    observations = observe(experiment, rows, int(settings.attribution_hours * 3_600_000), now_ms)
    others = [each.name for each in known if each.name != experiment.name and _overlap(each, experiment)]
    return make_report(experiment, observations, others)


def stop_harmful_arms(settings: ExperimentSettings, api: ExperimentApi) -> Iterator[str]:
    """Stop each arm that violates a guardrail; one sentence for each. Raises ExperimentApiError."""
    known = api.all()
    for experiment in known:
        stopped = {each.arm for each in experiment.stopped_arms}
        if experiment.state != "running" or not experiment.definition.guardrails:
            continue
        for guardrail in report_of(settings, experiment, known).guardrails:
            if guardrail.violated and guardrail.arm not in stopped:
                reason = (
                    f"guardrail: {guardrail.metric} is surely more than {guardrail.may_lose:.0%} below the "
                    "control's"
                )
                api.stop_arm(experiment.name, guardrail.arm, reason)
                stopped.add(guardrail.arm)
                yield f"{experiment.name}: {guardrail.arm} is stopped by its {reason}"


def _overlap(one: Experiment, other: Experiment) -> bool:
    """Whether both ran at the same time."""
    if one.started_at is None or other.started_at is None:
        return False
    return one.started_at < (other.stopped_at or 1 << 62) and other.started_at < (one.stopped_at or 1 << 62)
