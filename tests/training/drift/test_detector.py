"""A change of a level is found, and noise is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.drifting_streams import bursts
from training.drift.detector import BASELINE, BLOCK, Detector

HALF = 150 * BLOCK


def alarms(values: np.ndarray) -> list[int]:
    """The blocks after which the detector finds a change."""
    detector = Detector()
    return [
        place
        for place in range(len(values) // BLOCK)
        if detector.takes(values[place * BLOCK : (place + 1) * BLOCK])
    ]


def test_a_steady_stream_of_bursts_raises_no_alarm() -> None:
    rng = np.random.default_rng(31)
    assert [alarms(bursts(rng, np.full(600 * BLOCK, level))) for level in (0.05, 0.5, 0.9)] == [[], [], []]


def test_an_abrupt_change_is_found_soon_and_both_levels_are_named() -> None:
    rng = np.random.default_rng(32)
    detector = Detector()
    assert not detector.takes(bursts(rng, np.full(HALF, 0.5)))
    assert detector.takes(bursts(rng, np.full(60 * BLOCK, 0.3)))
    assert detector.before == pytest.approx(0.5, abs=0.05)
    assert detector.after < 0.42


def test_a_gradual_and_a_recurring_change_are_found() -> None:
    rng = np.random.default_rng(33)
    gradual = np.concatenate([np.full(HALF, 0.5), np.linspace(0.5, 0.3, HALF)])
    assert alarms(bursts(rng, gradual))
    recurring = np.concatenate([np.full(HALF, level) for level in (0.5, 0.3, 0.5, 0.3)])
    assert len(alarms(bursts(rng, recurring))) >= 3


def test_the_size_of_portions_does_not_change_the_result() -> None:
    rng = np.random.default_rng(34)
    values = bursts(rng, np.concatenate([np.full(HALF, 0.5), np.full(HALF, 0.2)]))
    whole, parts = Detector(), Detector()
    assert whole.takes(values)
    found = [parts.takes(part) for part in np.array_split(values, 97)]  # all of them
    assert any(found)
    assert (whole.before, whole.after) == (parts.before, parts.after)


def test_a_constant_figure_raises_no_error_and_any_change_of_it_is_found() -> None:
    detector = Detector()
    assert not detector.takes(np.zeros((BASELINE + 50) * BLOCK))
    assert detector.takes(np.ones(50 * BLOCK))
