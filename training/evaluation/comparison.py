"""Measures a model's lists on the held-out slice, beside its rivals' lists for the same users."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.bootstrap import Figure, mean_figures
from algorithms.evaluation import Measured, measure, segments
from algorithms.fold_in import UNKNOWN, fold_in
from algorithms.list_metrics import Catalogue
from algorithms.metrics import RANKING_METRICS, Lists, mae, r2, rmse
from algorithms.parallel import parallel_map
from algorithms.recency import recency_weights
from algorithms.top_n import top_n
from training.evaluation import rival_lists
from training.evaluation.blended_model import BlendedModel, BlockLists, lists_in_blocks
from training.evaluation.held_out import HeldOut, MeasuredHistories
from training.evaluation.item_scores import ItemScores
from training.fit.als import Problem
from training.fit.factors import Matrix

RESAMPLES = 1000
_SEGMENT_METRICS = ("recall", "ndcg")
Figures = dict[str, Figure]


class MakesLists(Protocol):
    """Anything that makes lists for users from their past."""

    def lists(self, past: MeasuredHistories, k: int) -> Lists:
        """(users, n): the users' lists, not filled up; -1 where a list is short."""


@dataclass(frozen=True)
class ServedModel:
    """Factors as they are served: the items' by index (zero: unknown), and how users are folded in."""

    item_factors: Matrix
    problem: Problem
    half_life_items: float = 0.0  # by which a history fades (FOLD_HALF_LIFE_ITEMS); published lists do not

    def fold_in(self, past: MeasuredHistories) -> Matrix:
        """The vectors of users by their past; zero where there is no taste to fold in."""
        values = past.strengths if self.problem.implicit else past.ratings
        present = np.abs(self.item_factors).max(axis=1, initial=0) > 0
        return fold_in(
            self.item_factors,
            past.indptr,
            np.where(present[past.items], past.items, UNKNOWN).astype(np.int32),
            values,
            reg_param=self.problem.reg_param,
            alpha=self.problem.alpha,
            implicit=self.problem.implicit,
            nonnegative=self.problem.nonnegative,
            confidence_weights=recency_weights(past.indptr, past.times, half_life_items=self.half_life_items)
            if self.half_life_items
            else None,
        )

    def lists(self, past: MeasuredHistories, k: int) -> Lists:
        """The model's own lists, -1 where they are short or there is no taste."""
        vectors = self.fold_in(past)
        present = np.abs(self.item_factors).max(axis=1, initial=0) > 0
        found, _ = top_n(vectors, self.item_factors, past.indptr, past.items, k, item_mask=present)
        found[~vectors.any(axis=1)] = -1
        return found


@dataclass(frozen=True)
class Evaluation:
    """All figures, by the maker of the lists. ``ndcg`` has one value per user with positives, for paired
    tests."""

    figures: dict[str, Figures]
    segments: dict[str, dict[str, Figures]]
    ndcg: dict[str, NDArray[np.float64]]
    long_tail: dict[str, list[float]]


def model_lists(
    models: Mapping[str, MakesLists], held_out: HeldOut, scores: ItemScores, k: int
) -> dict[str, Lists]:
    """The lists of each model, filled up by popularity as serving does."""
    past = held_out.past
    unknown = rival_lists.by_score(scores.popularity, past, k)
    blends = {name: model for name, model in models.items() if isinstance(model, BlendedModel)}
    alone: list[BlockLists] = [
        partial(_own_lists, name, model, past, k) for name, model in models.items() if name not in blends
    ]
    blocks = list(lists_in_blocks(blends, past, len(scores.users), k))
    made = list(parallel_map(lambda make: make(), (*alone, *blocks)))
    found = {name: lists for part in made[: len(alone)] for name, lists in part.items()}
    found |= {name: np.concatenate([part[name] for part in made[len(alone) :]]) for name in blends}
    return {name: rival_lists.fill_up(found[name], unknown) for name in models}


def _own_lists(name: str, model: MakesLists, past: MeasuredHistories, k: int) -> dict[str, Lists]:
    return {name: model.lists(past, k)}


def baseline_lists(
    held_out: HeldOut, scores: ItemScores, half_life: int, k: int, seed: int, known_too: bool = False
) -> dict[str, Lists]:
    """The lists of every baseline.

    ``known_too``: they hold items that a user has had, too. What fills up a list never does.
    """
    past = held_out.past
    left_out = past.where(np.zeros(len(past.items), np.bool_)) if known_too else past

    def rank_by_neighbours() -> Lists:
        unknown = rival_lists.by_score(scores.popularity, past, k)
        return rival_lists.fill_up(rival_lists.item_knn(past, len(scores.users), k, left_out), unknown)

    makers: dict[str, Callable[[], Lists]] = {
        "item_knn": rank_by_neighbours,
        "popularity": partial(rival_lists.by_score, scores.popularity, left_out, k),
        "recent_popularity": partial(rival_lists.by_score, scores.recent[half_life], left_out, k),
        "random": partial(rival_lists.random_lists, scores.users > 0, left_out, k, seed),
    }
    return dict(zip(makers, parallel_map(lambda make: make(), makers.values()), strict=True))


def evaluate(
    lists: Mapping[str, Lists], held_out: HeldOut, scores: ItemScores, vectors: Matrix, k: int, seed: int
) -> Evaluation:
    """Measure all lists; ``vectors`` tell how alike items are. Raises ValueError without a positive."""
    catalogue = Catalogue(scores.users, lists["popularity"], vectors)
    positives = held_out.positives

    def measure_lists(own_lists: Lists) -> Measured:
        return measure(own_lists, positives, catalogue, k, RESAMPLES, seed)

    measured = dict(zip(lists, parallel_map(measure_lists, lists.values()), strict=True))
    evaluated = positives.counts > 0
    return Evaluation(
        figures={who: result.figures for who, result in measured.items()},
        segments=_by_segment(lists, held_out, catalogue, k, seed),
        ndcg={who: result.per_user[f"ndcg@{k}"][evaluated] for who, result in measured.items()},
        long_tail=long_tail(scores.users, lists["model"]),
    )


def _by_segment(
    lists: Mapping[str, Lists], held_out: HeldOut, catalogue: Catalogue, k: int, seed: int
) -> dict[str, dict[str, Figures]]:
    chosen = [(name, metric) for name, metric in RANKING_METRICS if name in _SEGMENT_METRICS]
    found: dict[str, dict[str, Figures]] = {}
    past_sizes = np.diff(held_out.past.indptr)
    for who in ("model", "popularity"):
        for segment, rows, positives in segments(lists[who], held_out.positives, catalogue, past_sizes):
            values = np.column_stack([metric(rows, positives, k) for _, metric in chosen])
            figures = mean_figures(values[positives.counts > 0], RESAMPLES // 5, seed)
            named = {f"{name}@{k}": figure for (name, _), figure in zip(chosen, figures, strict=True)}
            found.setdefault(segment, {})[who] = named
    return found


def long_tail(users: NDArray[np.int64], lists: Lists, points: int = 20) -> dict[str, list[float]]:
    """The share that the most popular items have of interactions, and of places in lists, in equal steps."""
    order = np.argsort(-users, kind="stable")[: int((users > 0).sum())]
    listed = np.bincount(lists[lists >= 0], minlength=len(users))[order]
    ends = np.ceil(np.linspace(0, len(order), points + 1)).astype(int)
    return {
        name: [round(float(counts[:end].sum() / max(1, counts.sum())), 4) for end in ends]
        for name, counts in (("interactions", users[order]), ("lists", listed))
    }


def rating_figures(
    ratings: NDArray[np.float64], predicted: NDArray[np.float64], cold_start_strategy: str
) -> dict[str, float | None]:
    """RMSE, MAE and R2 on the later ratings, and the share of them that the model can predict.

    It cannot predict those of a user or an item without factors (NaN): ``cold_start_strategy`` leaves them
    out ("drop"), or makes the three figures None ("nan"), as JSON has no NaN.
    """
    known = ~np.isnan(predicted)
    if not known.any():
        return {}
    share = round(float(known.mean()), 6)
    if cold_start_strategy == "nan" and not known.all():
        return {"rmse": None, "mae": None, "r2": None, "ratings_predicted": share}
    truth, estimates = ratings[known], predicted[known]
    return {
        "rmse": round(rmse(truth, estimates), 6),
        "mae": round(mae(truth, estimates), 6),
        "r2": round(r2(truth, estimates), 6),
        "ratings_predicted": share,
    }


def predict_ratings(model: ServedModel, held_out: HeldOut) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The later ratings and their predictions; NaN where the user or the item has no factors."""
    past = held_out.past
    vectors = model.fold_in(past.where(~np.isnan(past.ratings)))
    rated = held_out.later.where(~np.isnan(held_out.later.ratings))
    user_rows, item_rows = vectors[rated.owners()], model.item_factors[rated.items]
    known = user_rows.any(axis=1) & item_rows.any(axis=1)
    predicted = np.einsum("nk,nk->n", user_rows, item_rows).astype(np.float64)
    return rated.ratings.astype(np.float64), np.where(known, predicted, np.nan)
