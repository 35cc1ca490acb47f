"""From rows to counts by unit."""

from __future__ import annotations

import numpy as np

from contracts.experiments.record import StoppedArm
from experiments.observations.units import Observations, observe
from tests.experiments.lake_rows import DAY, HOUR, START, exposure, interaction, rows, running, users_of

WINDOW = 24 * HOUR
UNTIL = START + 10 * DAY
EXPERIMENT = running()
ANN, AMY = users_of(EXPERIMENT, "a", 2)
(BOB,) = users_of(EXPERIMENT, "b", 1)


def sums_by_unit(observed: Observations, name: str) -> dict[str, float]:
    values = observed.counts[name].by_unit(len(observed.unit_ids))
    return {
        unit: value
        for unit, value in zip(observed.unit_ids.to_pylist(), values.tolist(), strict=True)
        if value
    }


def test_a_unit_counts_by_arm_and_day_from_its_first_exposure_on() -> None:
    observed = observe(
        EXPERIMENT,
        rows(
            [
                exposure(ANN, "a", "xyz", START + HOUR),
                exposure(ANN, "a", "xw", START + 2 * DAY),
                exposure(BOB, "b", "xy", START + HOUR),
            ],
            [
                interaction(ANN, "x", START - DAY),  # before the run: what CUPED takes
                interaction(ANN, "x", START),  # before the first exposure
                interaction(ANN, "x", START + 2 * HOUR),
                interaction(ANN, "w", START + 2 * DAY + 1, "like"),
                interaction(BOB, "q", START + 3 * HOUR, "purchase"),  # was not shown, and converts
                interaction(BOB, "y", START + 4 * HOUR, "dislike"),
                interaction(AMY, "x", START + 2 * HOUR),  # saw nothing
            ],
        ),
        WINDOW,
        UNTIL,
        4.0,
    )
    assert sums_by_unit(observed, "impressions") == {ANN: 5.0, BOB: 2.0}
    assert sums_by_unit(observed, "clicks") == {ANN: 2.0}
    assert sums_by_unit(observed, "conversions") == {ANN: 1.0, BOB: 1.0}
    assert sums_by_unit(observed, "interactions") == {ANN: 2.0, BOB: 2.0}
    assert sums_by_unit(observed, "sessions") == {ANN: 2.0, BOB: 2.0}
    assert observed.before.tolist() == [1.0, 0.0]
    assert observed.arm.tolist() == [0, 1]
    assert observed.counts["clicks"].by_unit(2, day=1).tolist() == [1.0, 0.0]
    assert observed.on_day(8).tolist() == [True, True]
    assert observed.on_day(9).tolist() == [False, False]


def test_an_event_belongs_to_the_recommendation_it_names_or_else_to_the_newest_in_the_window() -> None:
    observed = observe(
        EXPERIMENT,
        rows(
            [
                exposure(ANN, "a", "x", START),
                exposure(ANN, "a", "x", START + HOUR, recommendation_id="r1"),
                exposure(BOB, "b", "xy", START, recommendation_id="r2"),
            ],
            [
                interaction(ANN, "x", START + 40 * HOUR, recommendation_id="r1"),  # exact: however late
                interaction(ANN, "x", START + 41 * HOUR, recommendation_id="r1"),  # the same place twice
                interaction(ANN, "x", START + 2 * HOUR, recommendation_id="forged"),
                interaction(ANN, "x", START + HOUR // 2),  # by time: the first list
                interaction(BOB, "y", START + 25 * HOUR),  # too late
                interaction(BOB, "x", START + HOUR, recommendation_id="r1"),  # of another user
            ],
        ),
        WINDOW,
        UNTIL,
        4.0,
    )
    assert sums_by_unit(observed, "clicks") == {ANN: 2.0}


def test_forged_arms_and_testers_and_other_runs_do_not_count() -> None:
    experiment = running(testers={AMY: "b"})
    exposures = [
        exposure(ANN, "b", "xyz", START),  # not where the assignment puts ann
        exposure(AMY, "b!", "xyz", START),
        exposure(AMY, "b", "xyz", START),
        exposure(BOB, "b", "x", START),
        exposure(BOB, "b", "x", START) | {"arm": "e/2:b"},
        exposure(BOB, "b", "x", START + 1) | {"arm": "other/1:q,e/1:b"},
    ]
    observed = observe(experiment, rows(exposures, []), WINDOW, UNTIL, 4.0)
    assert sums_by_unit(observed, "impressions") == {BOB: 2.0}
    assert observed.refused == 2


def test_where_a_client_reports_what_it_showed_the_answer_itself_does_not_count() -> None:
    exposures = [
        exposure(BOB, "b", "xyz", START, recommendation_id="r"),
        exposure(BOB, "b", "x", START + 1, recommendation_id="r", reported_by="client"),
        exposure(BOB, "b", "y", START + 2, recommendation_id="r", reported_by="client"),
    ]
    assert sums_by_unit(observe(EXPERIMENT, rows(exposures, []), WINDOW, UNTIL, 4.0), "impressions") == {
        BOB: 2.0
    }


def test_a_report_that_a_client_repeats_shows_nothing_more_and_gets_no_second_click() -> None:
    told = {"recommendation_id": "r", "reported_by": "client"}
    observed = observe(
        EXPERIMENT,
        rows(
            [exposure(BOB, "b", items, START + at, **told) for items, at in (("x", 0), ("xy", 5), ("x", 9))],
            [interaction(BOB, "x", START + at) for at in (1, 6, 10)],
        ),
        WINDOW,
        UNTIL,
        4.0,
    )
    assert sums_by_unit(observed, "impressions") == {BOB: 2.0}
    assert sums_by_unit(observed, "clicks") == {BOB: 1.0}


def test_an_event_before_a_list_is_a_click_only_if_it_names_the_list() -> None:
    # A client whose clock is behind, or that reports what it showed later than what was clicked.
    told = exposure(BOB, "b", "xy", START + HOUR, recommendation_id="r", reported_by="client")
    events = [interaction(BOB, "x", START + 1, recommendation_id="r"), interaction(BOB, "y", START + 2)]
    observed = observe(EXPERIMENT, rows([told], events), WINDOW, UNTIL, 4.0)
    assert sums_by_unit(observed, "clicks") == {BOB: 1.0}
    assert sums_by_unit(observed, "interactions") == {}


def test_a_rating_is_a_conversion_from_positive_rating_on() -> None:
    events = [
        interaction(BOB, item, START + 1 + at, "rating", value=value)
        for at, (item, value) in enumerate((("x", 3.5), ("y", 4.0), ("z", 8.0)))
    ]
    shown = rows([exposure(BOB, "b", "x", START)], events)
    conversions = {
        least: sums_by_unit(observe(EXPERIMENT, shown, WINDOW, UNTIL, least), "conversions")
        for least in (3.5, 4.0, 8.0)
    }
    assert conversions == {3.5: {BOB: 3.0}, 4.0: {BOB: 2.0}, 8.0: {BOB: 1.0}}


def test_a_session_ends_after_half_an_hour_and_a_named_one_when_the_name_changes() -> None:
    events = [interaction(BOB, "x", START + minutes * 60_000) for minutes in (1, 20, 45, 80)]
    events += [interaction(BOB, "y", START + DAY + n * HOUR, session_id="s") for n in range(3)]
    observed = observe(EXPERIMENT, rows([exposure(BOB, "b", "x", START)], events), WINDOW, UNTIL, 4.0)
    assert sums_by_unit(observed, "sessions") == {BOB: 3.0}


def test_without_exposures_there_are_no_units_and_a_stop_ends_the_counting() -> None:
    nothing = observe(EXPERIMENT, rows([], [interaction(ANN, "x", START)]), WINDOW, UNTIL, 4.0)
    assert (len(nothing.unit_ids), sums_by_unit(nothing, "clicks")) == (0, {})
    stopped = EXPERIMENT.model_copy(update={"state": "stopped", "stopped_at": START + HOUR})
    exposures = [exposure(BOB, "b", "x", START), exposure(BOB, "b", "x", START + DAY)]
    observed = observe(
        stopped, rows(exposures, [interaction(BOB, "x", START + 2 * HOUR)]), WINDOW, UNTIL, 4.0
    )
    assert sums_by_unit(observed, "impressions") == {BOB: 1.0}
    assert sums_by_unit(observed, "clicks") == {}


def test_later_interactions_of_a_stopped_arm_s_units_are_no_part_of_its_comparison() -> None:
    stops = (StoppedArm(arm="b", at=START + HOUR, reason="guardrail"),)
    exposures = [exposure(user, arm, "x", START) for user, arm in ((ANN, "a"), (BOB, "b"))]
    events = [interaction(user, "q", START + at, "like") for user in (ANN, BOB) for at in (1, 2 * HOUR)]
    observed = observe(
        EXPERIMENT.model_copy(update={"stopped_arms": stops}), rows(exposures, events), WINDOW, UNTIL, 4.0
    )
    assert sums_by_unit(observed.comparable_with(0), "conversions") == {ANN: 2.0, BOB: 2.0}
    assert sums_by_unit(observed.comparable_with(1), "conversions") == {ANN: 1.0, BOB: 1.0}


def test_the_join_equals_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(9)
    exposures, events = [], []
    people = [(ANN, "a"), (BOB, "b"), (AMY, "a")]
    for number in range(120):
        user, arm = people[rng.integers(3)]
        items = "".join(rng.choice(list("pqrst"), 2, replace=False))
        exposures.append(exposure(user, arm, items, START + int(rng.integers(50)) * HOUR + 1000 * number))
    for number in range(200):
        user, _ = people[rng.integers(3)]
        at = START + int(rng.integers(90)) * HOUR + number
        events.append(interaction(user, str(rng.choice(list("pqrst"))), at))
    observed = observe(EXPERIMENT, rows(exposures, events), WINDOW, UNTIL, 4.0)
    clicked = set()
    for event in events:
        first = min(each["event_time"] for each in exposures if each["user_id"] == event["user_id"])
        fitting = [
            (each["event_time"], place)
            for place, each in enumerate(exposures)
            if each["user_id"] == event["user_id"]
            and 0 <= event["event_time"] - each["event_time"] <= WINDOW
            and event["item_id"] in {item["item_id"] for item in each["items"]}
        ]
        if fitting and event["event_time"] >= first:
            clicked.add((max(fitting), event["item_id"]))
    assert len(clicked) > 50
    assert sum(sums_by_unit(observed, "clicks").values()) == len(clicked)
