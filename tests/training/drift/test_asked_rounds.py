"""When an alarm requests a round: not too often, a warm one first, a full one if that does not help."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.drifting_streams import bursts
from contracts.settings import TrainingSettings
from training.drift.asked_rounds import AskedRound, AskedRounds
from training.drift.detector import BLOCK
from training.drift.shortfall import Shortfall

SETTINGS = TrainingSettings(drift_min_seconds=1000.0)
NAME = "level of ratings"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rounds(clock: Clock) -> AskedRounds:
    return AskedRounds(SETTINGS, clock)


def drift(rounds: AskedRounds, seed: int = 51) -> None:
    """A level that is steady for a while, and then falls."""
    rng = np.random.default_rng(seed)
    for level in (0.6, 0.3):
        rounds.take({NAME: bursts(rng, np.full(150 * BLOCK, level))})


def test_a_steady_stream_asks_for_nothing(rounds: AskedRounds) -> None:
    rounds.take({NAME: bursts(np.random.default_rng(50), np.full(300 * BLOCK, 0.6))})
    assert rounds.due() is None


def test_a_drift_asks_for_one_warm_round_and_says_why(rounds: AskedRounds) -> None:
    drift(rounds)
    asked = rounds.due()
    assert asked is not None
    assert asked.cause.startswith(f"drift: {NAME} went from 58.4% to ")
    assert not asked.full
    assert rounds.due() is None


def test_a_figure_with_more_alarms_than_one_is_named_once_by_the_newest(rounds: AskedRounds) -> None:
    for seed in range(51, 56):
        drift(rounds, seed)
    asked = rounds.due()
    assert asked is not None
    assert asked.cause.count(NAME) == 1


def test_a_version_that_falls_short_of_the_gates_promise_asks_for_a_round_and_names_both(
    rounds: AskedRounds,
) -> None:
    shortfall = Shortfall(0.2)
    assert shortfall.takes(np.tile([1.0] + [0.0] * 15, 100 * BLOCK // 16))
    rounds.fall_short(shortfall)
    asked = rounds.due()
    assert asked is not None
    assert asked.cause == (
        "drift: live hit rate of the last training's lists is 6.2%, the gate let expect 20.0%"
    )


def test_the_next_round_waits_for_the_least_gap_and_is_a_full_fit_if_the_drift_goes_on(
    rounds: AskedRounds, clock: Clock
) -> None:
    drift(rounds)
    assert rounds.due() is not None
    rounds.model_changed()
    drift(rounds, seed=52)
    clock.now = 999.0
    assert rounds.due() is None
    clock.now = 1000.0
    asked = rounds.due()
    assert asked is not None
    assert asked.full
    rounds.model_changed()
    drift(rounds, seed=53)
    clock.now = 10_000.0  # long after: this is another drift
    asked = rounds.due()
    assert asked is not None
    assert not asked.full


def test_a_round_that_the_gate_refuses_is_followed_by_a_full_one_once(
    rounds: AskedRounds, clock: Clock
) -> None:
    drift(rounds)
    rounds.note_outcome("refused_by_gate", rounds.due())
    clock.now = 4000.0
    asked = rounds.due()
    assert asked == AskedRound("drift: the gate refused the warm round", full=True)
    rounds.note_outcome("refused_by_gate", asked)
    clock.now = 8000.0
    assert rounds.due() is None


@pytest.mark.parametrize("is_refused_before", [False, True])
def test_a_round_that_failed_is_asked_for_again_as_it_was(
    rounds: AskedRounds, clock: Clock, is_refused_before: bool
) -> None:
    drift(rounds)
    asked = rounds.due()
    if is_refused_before:
        rounds.note_outcome("refused_by_gate", asked)
        clock.now = 1000.0
        asked = rounds.due()
    assert asked is not None
    assert asked.full == is_refused_before
    rounds.note_outcome("failed", asked)
    clock.now += 999.0
    assert rounds.due() is None
    clock.now += 1.0
    assert rounds.due() == asked


def test_a_published_round_answers_the_alarms_before_it_whoever_asked_for_it(
    rounds: AskedRounds, clock: Clock
) -> None:
    drift(rounds)
    rounds.note_outcome("refused_by_gate", rounds.due())
    rounds.note_outcome("not_enough_data", None)
    rounds.note_outcome("published", None)
    clock.now = 4000.0
    assert rounds.due() is None
    drift(rounds, seed=54)
    asked = rounds.due()
    assert asked is not None
    assert not asked.full
