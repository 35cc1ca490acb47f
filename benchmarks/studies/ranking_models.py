"""Small numpy fits for choosing settings: ALS with Spark's exact semantics, popularity, item-kNN."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from algorithms.metrics import Positives
from algorithms.top_n import top_n

Array = NDArray[Any]
Setting = dict[str, Any]
K = 10
POSITIVE = 4.0


class Ratings(NamedTuple):
    """Dense user and item numbers, ratings, and the part (0 train, 1 validation, 2 test) of each row."""

    users: Array
    items: Array
    values: Array
    part: Array


class Split(NamedTuple):
    """Ratings as users x items: those to train on, and the later ones."""

    train: sp.csr_matrix
    later: sp.csr_matrix

    @property
    def positives(self) -> Positives:
        """Later ratings of 4 and more, which are new items: MovieLens has one rating for a user and item."""
        liked = self.later.copy()
        liked.data = (liked.data >= POSITIVE).astype(float)
        liked.eliminate_zeros()
        return Positives(liked.indptr.astype(np.int64), liked.indices)


def read_ratings(path: Path) -> Ratings:
    """A MovieLens ratings.csv."""
    with path.open(newline="") as file:
        rows = np.array([[float(field) for field in row] for row in list(csv.reader(file))[1:]])
    users = np.unique(rows[:, 0], return_inverse=True)[1]
    return by_time(users, np.unique(rows[:, 1], return_inverse=True)[1], rows[:, 2], rows[:, 3])


def by_time(users: Array, items: Array, values: Array, times: Array) -> Ratings:
    """Of each user's n ratings by time, the last max(1, n // 5) are test, as many before them validation."""
    order = np.lexsort((np.arange(len(users)), times, users))
    counts = np.bincount(users)
    from_the_end = np.empty(len(users), int)
    from_the_end[order] = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(users))
    held = np.maximum(1, counts // 5)[users]
    return Ratings(
        users, items, values, np.where(from_the_end < held, 2, np.where(from_the_end < 2 * held, 1, 0))
    )


def make_split(ratings: Ratings, later: int) -> Split:
    """What came before part ``later``, and that part."""
    shape = (ratings.users.max() + 1, ratings.items.max() + 1)
    return Split(
        *(
            sp.csr_matrix((ratings.values[rows], (ratings.users[rows], ratings.items[rows])), shape)
            for rows in (ratings.part < later, ratings.part == later)
        )
    )


def to_strengths(ratings: sp.csr_matrix, table: dict[float, float]) -> sp.csr_matrix:
    """Ratings as graded preferences, by the largest key that is not above; zeros are dropped."""
    keys = np.array(sorted(table))
    values = np.array([table[key] for key in sorted(table)], float)
    graded = ratings.copy()
    graded.data = values[np.searchsorted(keys, ratings.data, side="right") - 1]
    graded.eliminate_zeros()
    return graded


def half_step(
    rows: sp.csr_matrix,
    other: Array,
    reg_param: float,
    alpha: float | None,
    power: float = 1.0,
    offset: float = 0.0,
) -> Array:
    """The exact factors of each row for the other side's factors, as Spark's ALS (alpha None: explicit).

    Implicit: c = alpha |r|, preference [r > 0], and the regularisation grows with n, the number of r > 0; it
    is regParam (n + offset x others) ** power, Spark's with power 1 and offset 0 (Rendle et al. 2021,
    Revisiting the Performance of iALS on Item Recommendation Benchmarks).
    """
    rank = other.shape[1]
    # In the eigenvectors of the others' gram matrix, all that the rows share is diagonal.
    spread, turn = np.linalg.eigh(other.T @ other) if alpha is not None else (np.zeros(rank), np.eye(rank))
    turned, counts, solved = other @ turn, np.diff(rows.indptr), np.zeros((rows.shape[0], rank))
    # Rows of similar length are solved together; the shorter ones are filled up with weight 0.
    for width in 2 ** np.arange(0, 1 + int(np.ceil(np.log2(max(1, counts.max()))))):
        members = np.flatnonzero((counts > width // 2) & (counts <= width))
        for batch in np.array_split(members, 1 + len(members) * (rank + width) ** 2 // 20_000_000):
            places = rows.indptr[batch][:, None] + np.arange(width)
            valid = np.arange(width) < counts[batch][:, None]
            places[~valid] = 0
            values = rows.data[places] * valid
            liked = valid if alpha is None else values > 0
            weights = valid * 1.0 if alpha is None else alpha * np.abs(values)
            targets = values if alpha is None else (1 + weights) * liked
            diagonal = (
                np.maximum(spread, 0)
                + reg_param * (liked.sum(axis=1)[:, None] + offset * len(other)) ** power
            )
            # Without a liked row the factors are zero, and their equations may be singular.
            few = liked.any(axis=1)
            factors = turned[rows.indices[places]]
            solved[batch[few]] = _solve(factors[few], weights[few], targets[few], diagonal[few])
    return solved @ turn.T


def _solve(factors: Array, weights: Array, targets: Array, diagonal: Array) -> Array:
    """x of (D + F'CF) x = F't for each row; in short rows by the equal x = D^-1 F' (1 + C F D^-1 F')^-1 t."""
    _, width, rank = factors.shape
    transposed = factors.transpose(0, 2, 1)
    if width >= rank:
        left = (transposed * weights[:, None, :]) @ factors + diagonal[:, :, None] * np.eye(rank)
        return np.linalg.solve(left, transposed @ targets[:, :, None])[:, :, 0]
    shrunk = transposed / diagonal[:, :, None]
    inner = np.eye(width) + weights[:, :, None] * (factors @ shrunk)
    return (shrunk @ np.linalg.solve(inner, targets[:, :, None]))[:, :, 0]


def fit_als(
    matrix: sp.csr_matrix, setting: Setting, seed: int, alpha: float | None = None
) -> tuple[Array, Array]:
    """User and item factors; starts from random unit vectors, items are solved first (as Spark)."""
    rng = np.random.default_rng(seed)
    users = rng.standard_normal((matrix.shape[0], setting["rank"]))
    users /= np.linalg.norm(users, axis=1, keepdims=True)
    users[np.diff(matrix.indptr) == 0] = 0
    transposed = matrix.T.tocsr()
    for _ in range(setting["max_iter"]):
        damping = setting.get("power", 1.0), setting.get("offset", 0.0)
        items = half_step(transposed, users, setting["reg_param"], alpha, *damping)
        users = half_step(matrix, items, setting["reg_param"], alpha, *damping)
    return users, items


def fit_implicit(split: Split, setting: Setting, seed: int) -> tuple[Array, Array]:
    """Implicit ALS on the graded preferences of ``setting["strengths"]``."""
    return fit_als(to_strengths(split.train, setting["strengths"]), setting, seed, setting["alpha"])


def lists_of(split: Split, users: Array, items: Array) -> Array:
    """The first K of each user over the items of the training part, without the known ones."""
    train = split.train
    factors = users.astype(np.float32), items.astype(np.float32)
    present = train.getnnz(axis=0) > 0
    return top_n(*factors, train.indptr.astype(np.int64), train.indices, K, item_mask=present)[0]


def popularity_lists(split: Split, by_rating: bool) -> Array:
    """The same order for everybody: raters x mean rating (that is, the sum of ratings), or raters alone."""
    amount = split.train.sum(axis=0) if by_rating else split.train.getnnz(axis=0)
    return lists_of(split, np.ones((split.train.shape[0], 1)), np.asarray(amount).reshape(-1, 1))


def knn_lists(split: Split, setting: Setting) -> Array:
    """Item-kNN: cosine of the items' strengths, damped by few common users, each item's nearest ones kept."""
    graded = to_strengths(split.train, setting["strengths"]).astype(np.float32)
    lengths = np.sqrt(np.asarray(graded.multiply(graded).sum(axis=0)).ravel())
    scaled = graded @ sp.diags(1 / np.where(lengths > 0, lengths, 1).astype(np.float32))
    likeness = (scaled.T @ scaled).toarray()
    if setting["shrink"]:
        common = ((graded != 0).astype(np.float32).T @ (graded != 0).astype(np.float32)).toarray()
        likeness *= common / (common + setting["shrink"])
    np.fill_diagonal(likeness, 0)
    if setting["neighbours"] < len(likeness):
        floor = np.partition(likeness, -setting["neighbours"], axis=1)[:, -setting["neighbours"]]
        likeness[likeness < floor[:, None]] = 0
    scores = np.asarray(graded @ likeness.T)
    scores[split.train.nonzero()] = -np.inf
    scores[:, split.train.getnnz(axis=0) == 0] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :K].astype(np.int32)


def predict(split: Split, users: Array, items: Array) -> tuple[Array, Array]:
    """Later ratings and predictions, for items that the training part knows (coldStartStrategy drop)."""
    rows, columns = split.later.nonzero()
    known = split.train.getnnz(axis=0)[columns] > 0
    rows, columns = rows[known], columns[known]
    return np.asarray(split.later[rows, columns]).ravel(), np.einsum("nk,nk->n", users[rows], items[columns])
