"""Lists to compare a model with, on the same users: popularity, recent popularity, item-kNN, random."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from algorithms.metrics import Lists, Positives, ndcg_at_k
from algorithms.parallel import parallel_map
from algorithms.top_n import best_of_rows, places_in_rows
from training.evaluation.held_out import HeldOut, MeasuredHistories

_NEIGHBOURS, _SHRINK = 100, 5.0  # of item-kNN: the nearest ones kept, and the damping by few common users
_LEAST_SHARE = 1e-100  # of an item's length: the square is not rounded to zero
_LONGEST = 500  # items of a history that item-kNN learns from: their pairs grow with the square
_BLOCK = 256
_PLACES = 4  # looked at first, for each place in a list

Places = NDArray[np.int64]


def by_score(scores: NDArray[np.float64], past: MeasuredHistories, k: int) -> Lists:
    """Lists in one order of items for all users, without known items and items without a score.

    Of items with equal scores the lower index is first.
    """
    single = scores.astype(np.float32)
    order = np.argsort(-single, kind="stable")[: int((single > 0).sum())].astype(np.int32)
    place = np.full(len(scores), len(order))
    place[order] = np.arange(len(order))
    known, owners = place[past.items], past.owners()
    lists = np.full((len(past.indptr) - 1, k), -1, np.int32)
    users, width = np.arange(len(lists)), _PLACES * k
    while len(users):
        # Most users find their list among the first places; the others are looked at again, further down.
        row = np.full(len(lists), -1)
        row[users] = np.arange(len(users))
        first = order[:width]
        seen = (known < len(first)) & (row[owners] >= 0)
        is_new = np.ones((len(users), len(first)), np.bool_)
        is_new[row[owners[seen]], known[seen]] = False
        _list_first(np.broadcast_to(first, is_new.shape), is_new, lists, users)
        users = users[(lists[users, -1] < 0) & (width < len(order))]
        width *= _PLACES
    return lists


def _list_first(items: NDArray[np.int32], is_new: NDArray[np.bool_], lists: Lists, users: Places) -> None:
    """Put the first new ones of each user's items (users, places) into the user's list, in place."""
    rows, places = np.nonzero(is_new)
    counts = np.count_nonzero(is_new, axis=1)
    rank = places_in_rows(counts)
    rows, places, rank = (each[rank < lists.shape[1]] for each in (rows, places, rank))
    lists[users[rows], rank] = items[rows, places]


def fill_up(lists: Lists, fallback: Lists) -> Lists:
    """Fill up short lists from the fallback, as serving does. Both leave out the same known items."""
    complete = lists.copy()
    for row in np.flatnonzero((lists < 0).any(axis=1)):
        listed = lists[row][lists[row] >= 0]
        others = fallback[row][~np.isin(fallback[row], listed)]
        padding = np.full(lists.shape[1], -1, np.int32)
        complete[row] = np.concatenate([listed, others, padding])[: lists.shape[1]]
    return complete


def best_half_life(recent: dict[int, NDArray[np.float64]], held_out: HeldOut, until: int, k: int) -> int:
    """The half-life whose scores at ``until`` best rank what users liked after it, still within the past."""
    past = held_out.past
    later = past.where((past.times > until) & past.liked)
    if not len(later.items):
        return max(recent)
    positives, known = Positives(later.indptr, later.items), past.where(past.times <= until)

    def rank(scores: NDArray[np.float64]) -> float:
        return float(np.nanmean(ndcg_at_k(by_score(scores, known, k), positives, k)))

    quality = dict(zip(recent, parallel_map(rank, recent.values()), strict=True))
    # The longest of equal ones: it has seen most.
    return max(quality, key=lambda half_life: (quality[half_life], half_life))


def item_knn(
    past: MeasuredHistories,
    items: int,
    k: int,
    left_out: MeasuredHistories | None = None,
    learnt: MeasuredHistories | None = None,
) -> Lists:
    """Cosine of the items' positive strengths over the measured users, damped, the nearest ones kept.

    Without the items of ``left_out`` (None: of the past). ``learnt``: what likeness is learnt from, where
    that is not the past itself.
    """
    left_out = past if left_out is None else left_out
    users, graded = len(past.indptr) - 1, _strength_matrix(past, items)
    likeness = _likeness(_keep_strongest(graded if learnt is None else _strength_matrix(learnt, items)))
    lists = np.full((users, k), -1, np.int32)
    for start in range(0, users, _BLOCK):
        stop = min(start + _BLOCK, users)
        scores = (graded[start:stop] @ likeness).toarray().astype(np.float32)
        known = left_out.indptr[start : stop + 1]
        rows = np.repeat(np.arange(stop - start), np.diff(known))
        scores[rows, left_out.items[known[0] : known[-1]]] = 0
        lists[start:stop], _ = best_of_rows(scores.astype(np.float64), k)
    return lists


def _strength_matrix(past: MeasuredHistories, items: int) -> sp.csr_matrix:
    shape = len(past.indptr) - 1, items
    # A copy, since dropping zeros moves the indexes in place.
    graded = sp.csr_matrix((np.maximum(past.strengths, 0), past.items, past.indptr), shape, copy=True)
    graded.eliminate_zeros()
    return graded


def _keep_strongest(graded: sp.csr_matrix) -> sp.csr_matrix:
    """Each user's strongest items, no more than _LONGEST."""
    if not len(graded.data) or np.diff(graded.indptr).max() <= _LONGEST:
        return graded
    kept = np.concatenate(
        [
            start + np.sort(np.argsort(-graded.data[start:stop], kind="stable")[:_LONGEST])
            for start, stop in zip(graded.indptr[:-1], graded.indptr[1:], strict=True)
        ]
    )
    counts = np.minimum(np.diff(graded.indptr), _LONGEST)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return sp.csr_matrix((graded.data[kept], graded.indices[kept], indptr), graded.shape)


def _likeness(graded: sp.csr_matrix) -> sp.csr_matrix:
    """(items, items): of each column's item the damped cosines of its nearest items."""
    lengths = np.sqrt(np.bincount(graded.indices, graded.data**2, minlength=graded.shape[1]))
    unit = np.maximum(graded.data / lengths[graded.indices], _LEAST_SHARE)
    # Neither has an exact zero, so that both products have the same places in the same order.
    cosines, common = (_gram(_with_data(graded, data)) for data in (unit, np.ones_like(unit)))
    # A cosine of few common users says little.
    cosines.data *= common.data / (common.data + _SHRINK)
    return _nearest(cosines)


def _with_data(matrix: sp.csr_matrix, data: NDArray[np.float64]) -> sp.csr_matrix:
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), matrix.shape)


def _gram(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return matrix.T.tocsr() @ matrix


def _nearest(cosines: sp.csr_matrix) -> sp.csr_matrix:
    """The transpose of a symmetric matrix's rows, each with its largest values only, and no diagonal."""
    kept, values, bounds = [], [], cosines.indptr.tolist()
    for item, (start, stop) in enumerate(pairwise(bounds)):
        others, row = cosines.indices[start:stop], cosines.data[start:stop]
        row[others == item] = 0
        least = np.partition(row, -_NEIGHBOURS)[-_NEIGHBOURS] if len(row) > _NEIGHBOURS else 0.0
        places = np.flatnonzero((row >= least) & (row > 0))
        kept.append(others[places])
        values.append(row[places])
    indptr = np.cumsum([0, *map(len, kept)])
    data = np.concatenate([*values, np.empty(0)]), np.concatenate([*kept, np.empty(0, np.int32)]), indptr
    return sp.csr_matrix(data, cosines.shape).T.tocsr()


def random_lists(catalogue: NDArray[np.bool_], past: MeasuredHistories, k: int, seed: int) -> Lists:
    """Random items of the catalogue, without known ones, each at most once in a list."""
    items, rng = np.flatnonzero(catalogue).astype(np.int32), np.random.default_rng(seed)
    lists, owners = np.full((len(past.indptr) - 1, k), -1, np.int32), past.owners()
    if not len(items):
        return lists
    for start in range(0, len(lists), _BLOCK):
        users = np.arange(start, min(start + _BLOCK, len(lists)))
        known = np.zeros((len(users), len(catalogue)), np.bool_)
        of_block = slice(past.indptr[start], past.indptr[users[-1] + 1])
        known[owners[of_block] - start, past.items[of_block]] = True
        drawn = items[rng.integers(0, len(items), (len(users), _PLACES * k))]
        is_new = ~np.take_along_axis(known, drawn, axis=1) & _is_first(drawn)
        _list_first(drawn, is_new, lists, users)
        for user in users[lists[users, -1] < 0]:
            # Few items are left for this user: all of them, in random order.
            unknown = rng.permutation(items[~known[user - start, items]])[:k]
            lists[user, : len(unknown)] = unknown
    return lists


def _is_first(values: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether a value stands for the first time in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=1)
    first = np.ones(values.shape, np.bool_)
    np.put_along_axis(first, order[:, 1:], ascending[:, 1:] != ascending[:, :-1], axis=1)
    return first
