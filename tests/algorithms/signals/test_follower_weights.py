from __future__ import annotations

import numpy as np
import pytest

from algorithms.signals.follower_weights import FollowerWeights, equal_levels
from tests.algorithms.signals.worlds import DAY, of_events, random_histories


def _weights(weights: FollowerWeights, days_ago: list[float], grades: list[float]) -> list[float]:
    events = [(0, place, int((100 - days) * DAY)) for place, days in enumerate(days_ago)]
    histories = of_events(events, 1, grades)
    levels = weights.levels(histories, 100 * DAY)
    found = levels.weights[levels.of_entries]
    return [float(found[histories.items == place][0]) for place in range(len(events))]


def test_a_follower_fades_to_the_share_that_lasts() -> None:
    fading = FollowerWeights(half_life_days=10, lasting=0.3)
    now, half, long_ago = _weights(fading, [0, 10, 99], [1, 1, 1])
    assert now == 1
    assert half == pytest.approx(0.65, abs=0.05)
    assert long_ago == pytest.approx(0.3, abs=0.01)


def test_a_follower_that_its_user_did_not_like_counts_less() -> None:
    assert _weights(FollowerWeights(unliked=0.5), [0, 50, 50], [0.3, -0.3, 1.0]) == [0.5, 0.5, 1.0]
    both = FollowerWeights(0.5, half_life_days=10, lasting=0.3)
    assert _weights(both, [99, 0], [0.3, 0.3]) == pytest.approx([0.15, 0.5], abs=0.01)


def test_an_event_after_the_fit_counts_as_one_of_its_last_moment() -> None:
    histories = of_events([(0, 1, 7 * DAY)], 1)
    levels = FollowerWeights(half_life_days=1, lasting=0.0).levels(histories, 3 * DAY)
    assert levels.weights[levels.of_entries] == pytest.approx([1.0])


def test_without_settings_all_followers_count_the_same() -> None:
    levels = equal_levels(random_histories())
    assert levels.weights.tolist() == [1.0]
    assert not levels.of_entries.any()


@pytest.mark.parametrize(
    "wrong", [{"unliked": 1.5}, {"lasting": -0.1}, {"half_life_days": -1.0}, {"half_life_days": np.nan}]
)
def test_invalid_weights_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares of 0-1"):
        FollowerWeights(**wrong)
