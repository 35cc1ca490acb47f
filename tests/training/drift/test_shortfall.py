from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.drifting_streams import bursts
from training.drift.detector import BLOCK
from training.drift.shortfall import BLOCKS_FIRST, LiveCount, Shortfall, expected_hit_rate

LIVE = {"v1": LiveCount(3000, 600), "v2": LiveCount(1000, 400), "v3": LiveCount(50, 0)}
RECALLS = {"v1": 0.1, "v2": 0.2, "v3": 0.3, "gone": 0.0}


def test_the_expectation_is_the_gates_recall_in_the_measure_of_earlier_versions() -> None:
    # v1 and v2 promised 500 hits and had 1,000.
    assert expected_hit_rate("v3", LIVE, RECALLS) == pytest.approx(0.6)
    assert expected_hit_rate("v2", LIVE, RECALLS) == pytest.approx(0.2 * 600 / 315)


def test_nothing_is_expected_of_a_version_without_a_figure_or_before_enough_events() -> None:
    assert expected_hit_rate("gone", LIVE, RECALLS) is None
    assert expected_hit_rate("v1", LIVE, RECALLS) is None  # the others have 1,050 events
    assert expected_hit_rate("v3", {"gone": LiveCount(9000, 900)}, RECALLS) is None


def alarms(level: float, seed: int, blocks: int = 400) -> list[int]:
    """After which blocks a version alarms whose live hit rate has this level, 0.2 being expected."""
    check = Shortfall(0.2)
    values = bursts(np.random.default_rng(seed), np.full(blocks * BLOCK, level))
    parts = values.reshape(blocks, BLOCK)
    return [place for place, part in enumerate(parts, 1) if check.takes(part)]


def test_a_version_as_good_as_expected_never_alarms_and_one_half_as_good_does_soon_and_once() -> None:
    assert [found for seed in range(20) if (found := alarms(0.2, seed))] == []
    for seed in range(20):
        (at,) = alarms(0.1, seed)
        assert BLOCKS_FIRST <= at < 200


def test_events_count_the_same_in_whatever_parts_they_come() -> None:
    values = bursts(np.random.default_rng(1), np.full(100 * BLOCK, 0.05))
    whole, parts = Shortfall(0.2), Shortfall(0.2)
    assert whole.takes(values)
    assert sum(parts.takes(part) for part in np.array_split(values, 37)) == 1
    assert whole.level == parts.level
