from __future__ import annotations

import numpy as np
import pytest

from algorithms.content.stretch import PLACES, PlacedScores, fitting_stretch


def world(scale: float, seed: int = 0) -> PlacedScores:
    rng = np.random.default_rng(seed)
    placed = scale * rng.normal(size=(200, 1000))
    return PlacedScores(rng.uniform(5, 9, 200).astype(np.float32), placed)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_stretched_items_get_a_twentieth_of_the_places_of_others(scale: float) -> None:
    scores = world(scale)
    stretch = fitting_stretch(scores)
    taken = (stretch * scores.placed >= scores.lowest[:, None]).mean()
    assert taken == pytest.approx(0.05 * PLACES / 1000, rel=0.05)


def test_longer_factors_are_stretched_less_and_none_more_than_threefold() -> None:
    assert fitting_stretch(world(2.0)) == pytest.approx(fitting_stretch(world(1.0)) / 2)
    assert fitting_stretch(world(0.01)) == 3.0


def test_users_without_a_full_list_and_items_without_content_do_not_count() -> None:
    scores = world(1.0)
    expected = fitting_stretch(scores)
    short = np.full(50, -np.inf, np.float32)
    more = PlacedScores(
        np.concatenate([scores.lowest, short]), np.vstack([scores.placed, 9 * scores.placed[:50]])
    )
    assert fitting_stretch(more) == expected
    assert fitting_stretch(PlacedScores(short, np.ones((50, 10)))) == 1.0
    assert fitting_stretch(PlacedScores(scores.lowest, np.zeros((200, 10)))) == 1.0
    assert fitting_stretch(PlacedScores(scores.lowest, -np.ones((200, 10)))) == 3.0
