"""Figures of groups of exposures, from rows whose answer is obvious."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.observations.exposure_counts import Shown, ShownRows
from tests.experiments.lake_rows import HOUR, START, exposure, interaction, rows

WINDOW = 24 * HOUR


def test_clicks_and_conversions_and_sessions_count_for_the_lists_before_them() -> None:
    found = ShownRows(
        rows(
            [
                exposure("ann", "a", "ij", START),
                exposure("ann", "b", "ik", START + HOUR),
                exposure("bob", "a", "i", START),
            ],
            [
                interaction("ann", "j", START - 1),  # before anything was shown
                interaction("ann", "j", START + 1),
                interaction("ann", "i", START + HOUR + 1, "purchase"),  # of the newer list
                interaction("bob", "z", START + 2, "like"),  # never shown: no click, a conversion
                interaction("carl", "i", START + 3),  # has seen no list
                interaction("ann", "k", START + HOUR + 2, "retract"),
            ],
        ),
        WINDOW,
        4.0,
    )
    first, second = np.array([True, False, True]), np.array([False, True, False])
    everything = found.of_group(first | second)
    assert everything[:-1] == (3, 2, 5, 2, 2, 3, 3, 3)
    assert (
        found.of_group(first)[:-1]
        == Shown(
            lists=2,
            users=2,
            impressions=3,
            clicks=1,
            conversions=2,
            interactions=3,
            sessions=3,
            items=2,
            novelty=0.0,
        )[:-1]
    )
    assert found.of_group(second)[:6] == (1, 1, 2, 1, 1, 1)
    assert found.catalogue_items == 4  # i, j, k and z


def test_a_list_that_a_client_reports_in_parts_is_one_list_and_each_item_is_shown_once() -> None:
    told = {"recommendation_id": "r", "reported_by": "client"}
    parts = [exposure("ann", "a", items, START + at, **told) for at, items in enumerate(("i", "ij", "j"))]
    found = ShownRows(rows(parts, [interaction("ann", "i", START + 3)]), WINDOW, 4.0)
    assert found.of_group(np.ones(3, bool))[:4] == (1, 1, 2, 1)


def test_the_novelty_of_a_shown_item_is_its_self_information() -> None:
    events = [interaction("ann", "i", START + n) for n in range(3)] + [interaction("bob", "j", START)]
    found = ShownRows(rows([exposure("ann", "a", "ij", START)], events), WINDOW, 4.0)
    expected = (-math.log2(3 / 4) - math.log2(1 / 4)) / 2
    assert found.of_group(np.array([True])).novelty == pytest.approx(expected)


def test_without_rows_every_count_is_zero() -> None:
    found = ShownRows(rows([], []), WINDOW, 4.0).of_group(np.zeros(0, bool))
    assert found[:-1] == (0,) * 8
    assert math.isnan(found.novelty)
