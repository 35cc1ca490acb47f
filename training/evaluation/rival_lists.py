"""Lists to compare a model with, on the same users: popularity, recent popularity, item-kNN, random."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from algorithms.metrics import Lists, Positives, ndcg_at_k
from algorithms.parallel import parallel_map
from algorithms.top_n import best_of_rows, top_n
from training.evaluation.held_out import HeldOut, MeasuredHistories

_NEIGHBOURS, _SHRINK = 100, 5.0  # of item-kNN: the nearest ones kept, and the damping by few common users
_LONGEST = 500  # items of a history that item-kNN learns from: their pairs grow with the square
_BLOCK = 256


def by_score(scores: NDArray[np.float64], past: MeasuredHistories, k: int) -> Lists:
    """Lists in one order of items for all users, without known items and items without a score."""
    users, score = len(past.indptr) - 1, scores.astype(np.float32)[:, None]
    ones = np.ones((users, 1), np.float32)
    return top_n(ones, score, past.indptr, past.items, k, item_mask=scores > 0)[0]


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
    lengths = np.sqrt(np.asarray(graded.power(2).sum(axis=0)).ravel())
    unit = graded @ sp.diags(1 / np.where(lengths > 0, lengths, 1))
    liked = graded.sign()
    cosines, common = (unit.T @ unit).tocsr(), (liked.T @ liked).tocsr()
    # Both have the same places; a cosine of few common users says little.
    cosines.sort_indices()
    common.sort_indices()
    cosines.data *= common.data / (common.data + _SHRINK)
    cosines.setdiag(0)
    cosines.eliminate_zeros()
    return _nearest(cosines)


def _nearest(cosines: sp.csr_matrix) -> sp.csr_matrix:
    for start, stop in zip(cosines.indptr[:-1], cosines.indptr[1:], strict=True):
        row = cosines.data[start:stop]
        if len(row) > _NEIGHBOURS:
            row[row < np.partition(row, -_NEIGHBOURS)[-_NEIGHBOURS]] = 0
    cosines.eliminate_zeros()
    return cosines.T.tocsr()


def random_lists(catalogue: NDArray[np.bool_], past: MeasuredHistories, k: int, seed: int) -> Lists:
    """Random items of the catalogue, without known ones."""
    items, rng = np.flatnonzero(catalogue), np.random.default_rng(seed)
    lists = np.full((len(past.indptr) - 1, k), -1, np.int32)
    for row, (start, stop) in enumerate(zip(past.indptr[:-1], past.indptr[1:], strict=True)):
        known = past.items[start:stop]
        many = min(len(items), len(known) + k)
        drawn = rng.choice(items, many, replace=False)
        new = drawn[~np.isin(drawn, known)][:k]
        lists[row, : len(new)] = new
    return lists
