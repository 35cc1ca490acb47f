from __future__ import annotations

import pytest

from tests.faults.quarters import Quarters, judge


def run(figure: str, values: list[float]) -> dict[str, dict[str, dict[str, float]]]:
    quarters = Quarters(float(len(values)))
    for at, value in enumerate(values):
        quarters.add(float(at), {figure: value})
    return quarters.compare()


def steady(value: float) -> dict[str, float]:
    return dict.fromkeys(("low", "median", "most"), value)


def test_the_first_and_the_last_quarter_are_compared_by_their_lowest_decile_median_and_most() -> None:
    found = run("x: MB", [1, 2, 9, 50, 60, 70, 80, 90, 95, 3, 4, 5])
    assert found == {
        "x: MB": {
            "first": {"low": 1.2, "median": 2, "most": 9},
            "last": {"low": 3.2, "median": 4, "most": 5},
        }
    }


@pytest.mark.parametrize(
    ("figure", "first", "last", "grows"),
    [
        ("streaming: MB", 1000, 1260, False),
        ("streaming: MB", 1000, 1270, True),
        ("serving: open files", 50, 90, True),
        ("streaming: query threads", 3, 3, False),
        ("lag: online events", 500, 2700, False),
        ("lag: online events", 500, 9000, True),
        ("freshness: seconds", 0.8, 1.6, False),
        ("freshness: seconds", 0.8, 3.0, True),
    ],
)
def test_growth_is_judged_by_the_limit_of_the_figures_unit(
    figure: str, first: float, last: float, grows: bool
) -> None:
    assert bool(list(judge({figure: {"first": steady(first), "last": steady(last)}}))) == grows


def test_longer_rounds_are_not_growth_but_more_memory_is() -> None:
    idle, busy = 60.0, 300.0
    short, long = [idle] * 7 + [busy] * 3, [idle] * 3 + [busy] * 7
    middle = [idle] * 20
    assert list(judge(run("training: threads", short + middle + long))) == []
    left_behind = [value + 40 if value == idle else value for value in long]
    assert list(judge(run("training: threads", short + middle + left_behind))) == [
        "training: threads (low) grew from 60.00 to 100.00"
    ]
    larger = [value + 100 if value == busy else value for value in long]
    assert len(list(judge(run("training: threads", short + middle + larger)))) == 1
