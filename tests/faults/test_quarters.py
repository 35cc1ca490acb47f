from __future__ import annotations

import pytest

from tests.faults.quarters import Quarters, judged


def run(figure: str, values: list[float]) -> dict[str, dict[str, float]]:
    quarters = Quarters(float(len(values)))
    for at, value in enumerate(values):
        quarters.add(float(at), {figure: value})
    return quarters.compared()


def test_medians_of_the_first_and_of_the_last_quarter_are_compared() -> None:
    assert run("x: MB", [1, 2, 9, 50, 60, 70, 80, 90, 95, 3, 4, 5]) == {"x: MB": {"first": 2, "last": 4}}


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
def test_growth_is_judged_by_the_figures_unit(figure: str, first: float, last: float, grows: bool) -> None:
    assert bool(list(judged({figure: {"first": first, "last": last}}))) == grows
