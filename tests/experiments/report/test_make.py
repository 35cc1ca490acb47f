"""A report finds a planted effect, and says which practices hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from contracts.experiments.record import Experiment, StoppedArm, stop
from contracts.experiments.report import Report
from experiments.observations.units import Counts, Observations
from experiments.report.make import make_report
from experiments.report.page import as_page
from experiments.report.text import as_text
from tests.experiments.lake_rows import DAY, START, running

USERS = 2000
GUARDED = {"guardrails": [{"metric": "session_length", "may_lose": 0.05}]}


def world(
    rates: tuple[float, ...], seed: int = 3, days: int = 14, users: int = USERS, wears_off: bool = False
) -> Observations:
    """Users of known taste: each sees two lists of five items a day and clicks at the rate of the arm."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(len(rates), size=users)
    first = START + rng.integers(0, 2 * DAY, users)
    taste = rng.gamma(4.0, 0.25, users)
    impressions: list[np.ndarray] = []
    clicks: list[np.ndarray] = []
    sessions: list[np.ndarray] = []
    length: list[np.ndarray] = []
    for day in range(days - 2):
        rate = np.array(rates)[arm]
        if wears_off:
            rate = rates[0] + (rate - rates[0]) * max(0.0, 1 - day / 5)
        seen = rng.binomial(10, 0.3, users)
        clicked = rng.binomial(seen, np.minimum(taste * rate, 1.0))
        for rows, counts in (
            (impressions, seen),
            (clicks, clicked),
            (sessions, np.minimum(seen, 1)),
            (length, seen + clicked),
        ):
            unit = np.repeat(np.arange(users), counts)
            rows.append(np.stack([unit, np.full(len(unit), day)]))

    def counts_of(rows: list[np.ndarray]) -> Counts:
        unit, day = np.concatenate(rows, axis=1)
        return Counts(unit, day)

    return Observations(
        unit_ids=pa.array([f"u{n}" for n in range(users)]),
        user_ids=pa.array([f"u{n}" for n in range(users)]),
        arm=arm,
        first=first,
        before=rng.poisson(20 * taste).astype(float),
        counts={
            "impressions": counts_of(impressions),
            "clicks": counts_of(clicks),
            "conversions": Counts(np.arange(0, users, 3), np.zeros(len(range(0, users, 3)), np.int64)),
            "interactions": counts_of(length),
            "sessions": counts_of(sessions),
        },
        until_ms=START + days * DAY,
        versions={"v1": 100},
    )


def report_of(rates: tuple[float, ...], experiment: Experiment | None = None, **changes: Any) -> Report:
    fields: dict[str, Any] = {"minimum_effect": 0.1, **GUARDED}
    return make_report(experiment or running(arms=len(rates), **fields), world(rates, **changes))


def test_the_report_finds_a_planted_lift_inside_its_interval_and_the_practices_hold() -> None:
    report = report_of((0.10, 0.12))
    (row,) = [each for each in report.comparisons if each.metric == "click_through_rate"]
    assert row.any_time.low is not None
    assert row.any_time.high is not None
    assert 0 < row.any_time.low < 0.2 < row.any_time.high
    assert row.fixed_horizon.p_value < 1e-4
    assert row.variance_reduction > 0.1  # users who were active before click more
    assert row.with_cuped.low is not None
    assert row.with_cuped.low > row.any_time.low
    assert report.decision.startswith("b is better: click_through_rate +")
    assert {each.name: each.holds for each in report.practices} == {
        "randomisation checked": True,
        "long enough": True,
        "novelty looked at": True,
        "several metrics": True,
        "significance": True,
        "external factors": True,
    }
    assert (report.plan.days_run, report.plan.days_left) == (14.0, 0.0)
    assert sum(arm.users for arm in report.arms) == USERS


def test_without_a_difference_the_decision_is_the_control_and_before_the_end_it_is_to_wait() -> None:
    assert report_of((0.1, 0.1)).decision.startswith("No lift of 10% was found")
    early = report_of((0.1, 0.1), days=4, users=300)
    assert early.decision.startswith("Wait: ")
    assert not early.guardrails[0].violated
    stopped = stop(running(**GUARDED), "no time", START + 4 * DAY)
    ended = report_of((0.1, 0.1), stopped, days=4, users=300)
    assert ended.decision.startswith("Nothing was found before it was stopped; another run needs its 14 days")
    assert report_of((0.12, 0.08, 0.07)).decision.startswith("Keep a: every other arm is worse")


def test_a_split_unlike_the_weights_stops_the_report() -> None:
    arms = [{"name": "a", "weight": 3}, {"name": "b", "weight": 2}]
    assert not report_of((0.1, 0.1)).sample_ratio.alarm
    skewed = running()
    definition = skewed.definition.model_validate(skewed.definition.model_dump() | {"arms": arms})
    report = report_of((0.1, 0.12), skewed.model_copy(update={"definition": definition}))
    assert report.sample_ratio.alarm
    assert report.decision.startswith("Trust no figure")
    assert not report.practices[0].holds


def test_the_report_says_that_an_effect_wears_off() -> None:
    report = report_of((0.10, 0.16), wears_off=True)
    assert report.novelty[0].found
    assert report.novelty[0].slope is not None
    assert report.novelty[0].slope < 0
    assert not report.practices[2].holds


def test_a_harmful_arm_violates_its_guardrail() -> None:
    guarded = running(arms=2, guardrails=[{"metric": "click_through_rate", "may_lose": 0.05}])
    report = report_of((0.12, 0.08), guarded)
    assert report.guardrails[0].violated
    assert report.decision.startswith("Stop b")


def test_the_report_says_why_an_arm_was_stopped_and_its_missing_users_raise_no_alarm() -> None:
    stopped = StoppedArm(arm="b", at=START + DAY, reason="guardrail")
    report = report_of((0.1, 0.1), running(arms=2).model_copy(update={"stopped_arms": (stopped,)}))
    assert report.arms[1].stopped == "guardrail"
    assert not report.sample_ratio.alarm


def test_a_stopped_arm_is_compared_by_what_was_before_and_the_decision_is_about_the_others() -> None:
    stopped = StoppedArm(arm="b", at=START + DAY, reason="guardrail")
    experiment = running(arms=3, minimum_effect=0.1).model_copy(update={"stopped_arms": (stopped,)})
    before, whole = world((0.1, 0.1, 0.1), days=8), world((0.1, 0.02, 0.14))
    found = make_report(experiment, replace(whole, before_stop={1: before}))
    rows = {(each.arm, each.metric): each for each in found.comparisons}
    assert abs(rows["b", "clicks_per_user"].lift or 1) < 0.1
    assert found.decision.startswith("c is better")
    alone = running(arms=2).model_copy(update={"stopped_arms": (stopped,)})
    assert make_report(alone, world((0.1, 0.02))).decision == "Keep a: every other arm was stopped."


def test_the_plan_does_not_wait_for_more_users_of_a_stopped_arm() -> None:
    arms = [{"name": "a"}, {"name": "b", "weight": 0.05}, {"name": "c"}]
    experiment = running(minimum_effect=0.1)
    definition = experiment.definition.model_validate(experiment.definition.model_dump() | {"arms": arms})
    experiment = experiment.model_copy(update={"definition": definition})
    place = np.arange(USERS)
    observed = replace(world((0.1,)), arm=np.where(place % 41 == 0, 1, np.where(place % 2, 0, 2)))
    assert make_report(experiment, observed).plan.days_left
    stopped = StoppedArm(arm="b", at=START + DAY, reason="guardrail")
    without_it = make_report(experiment.model_copy(update={"stopped_arms": (stopped,)}), observed)
    assert without_it.plan.days_left == 0.0


def test_other_experiments_and_models_are_named_as_external_factors() -> None:
    report = make_report(running(), world((0.1, 0.1), days=5), ["another"])
    assert not report.practices[5].holds
    assert "another ran at the same time" in report.practices[5].why
    assert "less than a week" in report.practices[5].why


@pytest.mark.parametrize("shape", ["much", "nothing"])
def test_the_report_is_written_as_json_and_text_and_a_self_contained_page(shape: str) -> None:
    if shape == "much":
        report = make_report(running(hypothesis="<b>bold & odd</b>"), world((0.10, 0.12), users=400))
    else:
        report = report_of((0.1, 0.1), days=3, users=1)
    page = as_page(report)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="', page)
    assert "<b>bold" not in page
    assert report.decision.split(":")[0] in as_text(report)
    read = json.loads(report.model_dump_json())
    assert Report.model_validate(read) == report
    assert read["format"] == 1
