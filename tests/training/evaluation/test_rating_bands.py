from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.stored.manifest import RatingBand
from training.evaluation.rating_bands import rating_bands


def test_each_rating_is_a_band_with_its_predictions() -> None:
    ratings, predicted = np.array([4.0, 1.0, 4.0, 2.5]), np.array([3.0, np.nan, 5.0, 2.0])
    assert rating_bands(ratings, predicted) == (
        RatingBand(lowest=1.0, highest=1.0, ratings=1),
        RatingBand(lowest=2.5, highest=2.5, ratings=1, mean_prediction=2.0, rmse=0.5),
        RatingBand(lowest=4.0, highest=4.0, ratings=2, mean_prediction=4.0, rmse=1.0),
    )
    assert rating_bands(np.zeros(0), np.zeros(0)) == ()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_every_rating_is_in_one_of_at_most_ten_bands_that_do_not_overlap(values: list[float]) -> None:
    ratings = np.array(values)
    bands = rating_bands(ratings, ratings)
    assert len(bands) <= 10
    assert sum(band.ratings for band in bands) == len(values)
    assert all(before.highest < after.lowest for before, after in pairwise(bands))
    assert [band.rmse for band in bands] == pytest.approx([0.0] * len(bands))
