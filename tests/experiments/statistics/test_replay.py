"""Compares the estimates with the truth of a world in which every reward is known."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.statistics.replay import Logged, doubly_robust, inverse_propensity, self_normalised

ITEMS, ROWS = 8, 6000


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def world(seed: int) -> tuple[Logged, np.ndarray, np.ndarray, float]:
    """Decisions logged by one ranking, a model's predictions, and what another ranking truly earns."""
    rng = np.random.default_rng(seed)
    taste = rng.beta(2, 5, (ROWS, ITEMS))
    logging, target = softmax(rng.normal(size=(ROWS, ITEMS))), softmax(6 * taste)
    shown = (logging.cumsum(axis=1) < rng.random((ROWS, 1))).sum(axis=1).clip(max=ITEMS - 1)
    rows = np.arange(ROWS)
    reward = (rng.random(ROWS) < taste[rows, shown]).astype(float)
    model = 0.8 * taste + 0.02  # a model with a bias
    logged = Logged(reward, logging[rows, shown], target[rows, shown])
    return (
        logged,
        model[rows, shown],
        (target * model).sum(axis=1),
        float((target * taste).sum(axis=1).mean()),
    )


def test_replay_estimates_what_another_ranking_earns_where_the_plain_mean_is_wrong() -> None:
    logged, predicted, predicted_target, truth = world(21)
    assert abs(logged.reward.mean() - truth) > 0.05
    for found in (
        inverse_propensity(logged),
        self_normalised(logged),
        doubly_robust(logged, predicted, predicted_target),
    ):
        assert found.value == pytest.approx(truth, abs=0.03)
        assert 100 < found.effective_rows < ROWS


def test_the_intervals_cover_the_truth_and_a_model_makes_them_narrower() -> None:
    covered, widths = np.zeros(3), np.zeros(3)
    for seed in range(40):
        logged, predicted, predicted_target, truth = world(100 + seed)
        found = (
            inverse_propensity(logged),
            self_normalised(logged),
            doubly_robust(logged, predicted, predicted_target),
        )
        covered += [each.low <= truth <= each.high for each in found]
        widths += [each.high - each.low for each in found]
    assert (covered >= 34).all()  # 38 expected of 40; below 34 once in 60 such tests
    assert widths[2] < widths[1] < widths[0]


def test_a_propensity_of_zero_is_refused() -> None:
    one = np.ones(2)
    with pytest.raises(ValueError, match="never possible"):
        inverse_propensity(Logged(one, np.array([0.5, 0.0]), one))
