"""Candidates that a list may hold, in the form in which thousands of weights are tried on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from algorithms.metrics import ideal_dcg

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrialLists:
    """The candidates of those questions that have a positive among them; by any weights the others get 0."""

    scores: dict[str, NDArray[np.float32]]  # (rows, candidates)
    barred: NDArray[np.float32]  # (rows, candidates): 0, or -inf for what no list may hold
    rows: NDArray[np.int64]  # of each positive, ascending
    columns: NDArray[np.int64]  # of each positive
    positives: NDArray[np.int64]  # (rows): how many there are, candidates or not
    places: NDArray[np.int64]  # (rows) among the questions
    questions: int
    # Searches come back to the same weights often.
    _tried: dict[tuple[int, tuple[tuple[str, float], ...]], Floats] = field(default_factory=dict)

    def ndcg(self, weights: Mapping[str, float], k: int) -> Floats:
        """(questions): NDCG of the lists by these weights."""
        key = k, tuple(weights.items())
        if key not in self._tried:
            self._tried[key] = self.ndcg_of(self.blend(weights), k)
        return self._tried[key]

    def blend(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """(rows, candidates): the scores by these weights."""
        total = self.barred.copy()
        for name, weight in weights.items():
            total += np.float32(weight) * self.scores[name]
        return total

    def ndcg_of(self, total: NDArray[np.float32], k: int) -> Floats:
        """(questions): NDCG of the lists by these scores; of equal ones the lower column goes first."""
        found = np.zeros(self.questions)
        if not total.size or k < 1:
            return found
        # Sorting short rows is faster than partitioning them.
        best = np.sort(total, axis=1)[:, -k - 1 :]
        values = total[self.rows, self.columns]
        listed = np.flatnonzero(values >= best[self.rows, max(0, best.shape[1] - k)])
        rows, values = self.rows[listed], values[listed]
        above = best[rows] > values[:, None]
        places = np.count_nonzero(above, axis=1)
        is_tied = np.count_nonzero(best[rows] == values[:, None], axis=1) > 1
        for tied in np.flatnonzero(is_tied).tolist():
            before = total[rows[tied], : self.columns[listed[tied]]]
            places[tied] += np.count_nonzero(before == values[tied])
        gains = np.where(places < k, 1 / np.log2(np.minimum(places, k) + 2), 0.0)
        found[self.places] = np.bincount(rows, gains, len(total)) / ideal_dcg(self.positives, k)
        return found


def trial_lists(
    scores: Mapping[str, NDArray[np.float32]],
    is_listed: NDArray[np.bool_],
    is_positive: NDArray[np.bool_],
    positives: NDArray[np.int64],
) -> TrialLists:
    """From arrays (questions, candidates); ``positives`` (questions): how many there are, also outside."""
    hits = is_listed & is_positive
    places = np.flatnonzero(hits.any(axis=1))
    rows, columns = np.nonzero(hits[places])
    return TrialLists(
        scores={name: values[places] for name, values in scores.items()},
        barred=np.where(is_listed[places], np.float32(0), np.float32(-np.inf)),
        rows=rows,
        columns=columns,
        positives=positives[places],
        places=places,
        questions=len(is_listed),
    )
