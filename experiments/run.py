"""A report from an experiment in the API and its rows in the lake; and the watch that stops arms by it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from contracts.experiments.look import ArmLook, Look, is_watched
from contracts.experiments.record import Experiment
from contracts.experiments.report import Report
from contracts.settings import ExperimentSettings
from experiments.api import ExperimentApi, ExperimentApiError
from experiments.observations.arm_choices import choices_of
from experiments.observations.rows import read_rows
from experiments.observations.units import DAY_MS, Observations, observe
from experiments.report.make import make_report
from experiments.report.ranking_file import Weights
from experiments.report.replay import ReplayReport, report_of_draws


def report_of(settings: ExperimentSettings, experiment: Experiment, known: Sequence[Experiment]) -> Report:
    """The report of an experiment that has started. Raises ExperimentApiError for a draft."""
    others = [each.name for each in known if each.name != experiment.name and _overlap(each, experiment)]
    return make_report(experiment, _observations(settings, experiment), others)


def replay_arms(settings: ExperimentSettings, experiment: Experiment, rule: Weights | None) -> ReplayReport:
    """What another rule for who gets which arm's lists would have earned; without one, all arms alike.

    Raises ExperimentApiError for a draft, and for an arm that the experiment does not have.
    """
    arms = {arm.name for arm in experiment.definition.arms}
    if unknown := sorted({arm for weights in (rule or {}).values() for arm in weights} - arms):
        raise ExperimentApiError(
            f"{experiment.name} has no arm {', '.join(unknown)}: it has {', '.join(sorted(arms))}"
        )
    choices = choices_of(experiment, _observations(settings, experiment))
    return report_of_draws(choices, rule, experiment.started_at or 0)


def _observations(settings: ExperimentSettings, experiment: Experiment) -> Observations:
    """What the units of a run saw and did until now."""
    if experiment.started_at is None:
        raise ExperimentApiError(f"{experiment.name} has not started: `headwater experiments start`")
    now_ms = time.time_ns() // 1_000_000
    # CUPED adjusts by what users did before the experiment, over a time as long as the planned one.
    before = experiment.started_at - experiment.definition.planned_days * DAY_MS
    rows = read_rows(settings.lake_uri, experiment.salt, before, experiment.started_at)
    window_ms = int(settings.attribution_hours * 3_600_000)
    return observe(experiment, rows, window_ms, now_ms, settings.positive_rating)


def watch(settings: ExperimentSettings, api: ExperimentApi) -> Iterator[str]:
    """Look at each running experiment: keep its report and its intervals, and stop each arm that violates a
    guardrail. Of one that has just been stopped, the report is kept.

    Yields a sentence for each arm that is stopped and each look that could not be kept. Raises
    ExperimentApiError.
    """
    known, now_ms = api.all(), time.time_ns() // 1_000_000
    for experiment in known:
        if not is_watched(experiment, now_ms):
            continue
        report = report_of(settings, experiment, known)
        try:
            api.keep_report(report, now_ms)
            if experiment.state == "running":
                api.keep_look(experiment.name, look_of(report, now_ms))
        except ExperimentApiError as error:  # the guardrails are checked all the same
            yield f"{experiment.name}: this look was not kept: {error}"
        if experiment.state == "running":
            yield from _stop_by_guardrails(api, experiment, report)


def _stop_by_guardrails(api: ExperimentApi, experiment: Experiment, report: Report) -> Iterator[str]:
    stopped = {each.arm for each in experiment.stopped_arms}
    for guardrail in report.guardrails:
        if guardrail.violated and guardrail.arm not in stopped:
            reason = (
                f"guardrail: {guardrail.metric} is surely more than {guardrail.may_lose:.0%} below the "
                "control's"
            )
            api.stop_arm(experiment.name, guardrail.arm, reason)
            stopped.add(guardrail.arm)
            yield f"{experiment.name}: {guardrail.arm} is stopped by its {reason}"


def look_of(report: Report, now_ms: int) -> Look:
    """A report as a look: each arm's lift in the primary metric, with the interval that holds at any look."""
    users = {arm.arm: arm.users for arm in report.arms}
    arms = [
        ArmLook(
            arm=each.arm,
            users=users[each.arm],
            lift=_finite(each.lift),
            low=_finite(each.any_time.low),
            high=_finite(each.any_time.high),
        )
        for each in report.comparisons
        if each.metric == report.primary
    ]
    return Look(at=now_ms, run=report.run, arms=tuple(arms))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _overlap(one: Experiment, other: Experiment) -> bool:
    """Whether both ran at the same time."""
    if one.started_at is None or other.started_at is None:
        return False
    return one.started_at < (other.stopped_at or 1 << 62) and other.started_at < (one.stopped_at or 1 << 62)
