"""How ratings are distributed, and how well each part of their scale is predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.metrics import rmse
from contracts.stored.manifest import RatingBand

_MOST_BANDS = 10


def rating_bands(ratings: NDArray[np.floating], predicted: NDArray[np.floating]) -> tuple[RatingBand, ...]:
    """One band for each rating, lowest first; of more than ten different ones, ten bands of equal width.

    ``predicted`` is NaN where the model cannot predict: such a rating is counted, but left out of the means.
    """
    if not len(ratings):
        return ()
    values = np.unique(ratings)
    if len(values) > _MOST_BANDS:
        edges = np.linspace(values[0], values[-1], _MOST_BANDS + 1)
        band = np.clip(np.searchsorted(edges, ratings, side="right") - 1, 0, _MOST_BANDS - 1)
    else:
        band = np.searchsorted(values, ratings)
    return tuple(_describe(ratings[band == each], predicted[band == each]) for each in np.unique(band))


def _describe(ratings: NDArray[np.floating], predicted: NDArray[np.floating]) -> RatingBand:
    known = ~np.isnan(predicted)
    lowest, highest = float(ratings.min()), float(ratings.max())
    if not known.any():
        return RatingBand(lowest=lowest, highest=highest, ratings=len(ratings))
    return RatingBand(
        lowest=lowest,
        highest=highest,
        ratings=len(ratings),
        mean_prediction=round(float(predicted[known].mean()), 4),
        rmse=round(rmse(ratings[known], predicted[known]), 4),
    )
