from __future__ import annotations

import numpy as np
import pytest

from algorithms.bootstrap import Figure, figures_of_all, mean_figures, paired_difference


def test_an_interval_contains_the_mean_as_often_as_its_level_says() -> None:
    rng, inside = np.random.default_rng(1), 0
    for trial in range(200):
        (figure,) = mean_figures(rng.exponential(1.0, (80, 1)), 200, seed=trial)
        inside += figure.low <= 1.0 <= figure.high
    assert 0.88 <= inside / 200 <= 0.99


def test_for_many_users_an_interval_is_as_wide_as_the_normal_one() -> None:
    values = np.random.default_rng(2).normal(5, 2, (2000, 1))
    (figure,) = mean_figures(values)
    assert figure.mean == values.mean()
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 2 / np.sqrt(2000), rel=0.1)


def test_a_user_without_a_value_is_left_out_of_that_column_only() -> None:
    values = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, np.nan]])
    first, second = mean_figures(values, 50)
    assert (first.mean, second) == (2.0, Figure(5.0, 5.0, 5.0))
    assert np.isnan(mean_figures(np.full((2, 1), np.nan), 10)[0]).all()
    assert np.isnan(mean_figures(np.empty((0, 1)), 10)[0]).all()


def test_a_paired_interval_shows_a_difference_that_two_separate_intervals_hide() -> None:
    rng = np.random.default_rng(3)
    rival = rng.random(400)
    candidate = rival + 0.01
    (a,), (b,) = mean_figures(candidate[:, None]), mean_figures(rival[:, None])
    assert a.low < b.high
    difference = paired_difference(candidate, rival)
    assert difference.low > 0
    assert difference.mean == pytest.approx(0.01)


def test_the_interval_of_a_figure_over_all_lists_resamples_users() -> None:
    of_users = np.array([0.0, 0.0, 1.0, 1.0])
    mean, doubled = figures_of_all(lambda users: np.array([1, 2]) * of_users[users].mean(), 4)
    assert mean.mean == 0.5
    assert mean.low < 0.5 < mean.high
    assert doubled == pytest.approx([2 * end for end in mean])


def test_draws_are_the_same_whether_they_are_kept_or_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).random((50, 2))
    values[3, 1] = np.nan
    kept = mean_figures(values, 300, seed=7)
    monkeypatch.setattr("algorithms.bootstrap._KEPT_NUMBERS", 0)
    assert mean_figures(values, 300, seed=7) == kept != mean_figures(values, 300, seed=8)
