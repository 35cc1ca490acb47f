from __future__ import annotations

from experiments.observations.shown_items import shown_items
from tests.experiments.lake_rows import START, exposure, rows


def test_an_item_of_a_recommendation_counts_for_the_exposure_that_showed_it_first() -> None:
    exposures = rows(
        [
            exposure("ann", "a", "xy", START + 9, recommendation_id="r"),
            exposure("ann", "a", "xz", START, recommendation_id="r"),
            exposure("ann", "a", "x", START + 10, recommendation_id="other"),
        ],
        [],
    ).exposures
    shown, items = shown_items(exposures)
    assert list(zip(shown.tolist(), items.to_pylist(), strict=True)) == [
        (0, "y"),
        (1, "x"),
        (1, "z"),
        (2, "x"),
    ]


def test_without_exposures_nothing_was_shown() -> None:
    shown, items = shown_items(rows([], []).exposures)
    assert (len(shown), len(items)) == (0, 0)
