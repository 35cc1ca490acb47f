"""Percentile bootstrap over users: 95 % intervals of means, and of differences of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
RESAMPLES = 1000
_ENDS = (2.5, 97.5)
_BLOCK = 128  # resamples whose draws are multiplied at once
_DRAWS_AT_ONCE = 50_000  # by one call, which costs as much as a few hundred draws
_KEPT = 4  # sets of draws: a round draws the same users for many figures
_KEPT_NUMBERS = 2**23  # of a set, two bytes each; larger sets are drawn again each time


class Figure(NamedTuple):
    """A mean over users with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_figures(values: Values, resamples: int = RESAMPLES, seed: int = 0) -> list[Figure]:
    """The figure of each column of (users, columns); a NaN leaves its user out of that column.

    Efron's percentile interval. A column without any value gives NaN three times.
    """
    if not len(values):
        return [Figure(np.nan, np.nan, np.nan)] * values.shape[1]
    known = ~np.isnan(values)
    without_nan, sums = np.where(known, values, 0.0), np.empty((resamples, values.shape[1]))
    start = 0
    for block in _draws(len(values), resamples, seed):
        drawn = block.astype(np.float64)
        count = np.full((len(drawn), values.shape[1]), float(len(values))) if known.all() else drawn @ known
        sums[start : start + len(drawn)] = np.divide(
            drawn @ without_nan, count, out=np.full(count.shape, np.nan), where=count > 0
        )
        start += len(drawn)
    return [_figure(_mean(column), draws) for column, draws in zip(values.T, sums.T, strict=True)]


def _draws(users: int, resamples: int, seed: int) -> Iterable[NDArray[np.uint16]]:
    """How often each resample draws each user, (resamples, users) in blocks: sums are then one product."""
    if users * resamples > _KEPT_NUMBERS:
        return _draw(users, resamples, seed)
    return _kept_draws(users, resamples, seed)


@lru_cache(_KEPT)
def _kept_draws(users: int, resamples: int, seed: int) -> tuple[NDArray[np.uint16], ...]:
    return tuple(_draw(users, resamples, seed))


def _draw(users: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    rng, at_once = np.random.default_rng(seed), max(1, _DRAWS_AT_ONCE // users)
    for start in range(0, resamples, _BLOCK):
        drawn = np.empty((min(_BLOCK, resamples - start), users), np.uint16)
        for first in range(0, len(drawn), at_once):
            rows = drawn[first : first + at_once]
            places = rng.integers(0, users, rows.shape)
            if len(rows) > 1:
                places += np.arange(0, rows.size, users)[:, None]
            rows[:] = np.bincount(places.ravel(), minlength=rows.size).reshape(rows.shape)
        yield drawn


def paired_difference(candidate: Values, rival: Values, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """The mean of candidate - rival over the same users, with its interval."""
    return mean_figures((candidate - rival)[:, None], resamples, seed)[0]


def figures_of_all(
    of_users: Callable[[NDArray[np.int64]], Values], users: int, resamples: int = 100, seed: int = 0
) -> list[Figure]:
    """Figures of all lists together: ``of_users`` gets the users to count, some several times.

    A resample holds fewer distinct users, who show fewer items, so an interval is shifted to the figure
    itself.
    """
    rng, whole = np.random.default_rng(seed), of_users(np.arange(users))
    if not users or not resamples:
        return [_figure(float(figure), whole[:0]) for figure in whole]
    draws = np.array([of_users(rng.integers(0, users, users)) for _ in range(resamples)])
    shifted = draws + (whole - draws.mean(axis=0))
    return [_figure(float(figure), column) for figure, column in zip(whole, shifted.T, strict=True)]


def _mean(column: Values) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else float("nan")


def _figure(mean: float, draws: Values) -> Figure:
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Figure(mean, float("nan"), float("nan"))
    low, high = np.percentile(draws, _ENDS)
    return Figure(mean, float(low), float(high))
