"""A warm round: from the served item factors by a few exact half-steps, in a fraction of a full fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest, Parameters
from training.fit.als import Factors, Problem
from training.fit.factors import Matrix, matrix
from training.fit.half_step import by_row, half_step

# The parameters that must be equal if a fit is to start from another one.
_SHARED_PARAMETERS = (
    "als_rank",
    "als_alpha",
    "als_reg_param",
    "als_nonnegative",
    "rating_strengths",
    "event_weights",
    "explicit_rank",
    "explicit_reg_param",
)
SWEEPS = 1  # half-steps of items and then users, after the users are first solved for the old items


@dataclass(frozen=True)
class Warmth:
    """Whether a round may be warm, and why not."""

    warm: bool
    reason: str


def may_be_warm(
    champion: Manifest | None, parameters: Parameters, interactions: int, settings: TrainingSettings
) -> Warmth:
    """Decide by the number of warm rounds since the champion's last full fit, and by how much is new."""
    if champion is None:
        return Warmth(False, "no champion to start from")
    if not settings.warm_rounds:
        return Warmth(False, "WARM_ROUNDS is 0")
    if any(getattr(champion.parameters, name) != getattr(parameters, name) for name in _SHARED_PARAMETERS):
        return Warmth(False, "the parameters changed")
    warm_rounds = champion.fit.warm_rounds if champion.fit else settings.warm_rounds
    if champion.fit is None or warm_rounds >= settings.warm_rounds:
        return Warmth(False, f"{warm_rounds} warm rounds since the last full fit (WARM_ROUNDS)")
    new = 1 - champion.fit.full_interactions / max(1, interactions)
    if new > settings.warm_new_share:
        return Warmth(
            False, f"{new:.0%} of the interactions are new since the last full fit (WARM_NEW_SHARE)"
        )
    return Warmth(True, f"warm round {warm_rounds + 1} since the last full fit")


class Sides(NamedTuple):
    """The data that a fit learns from, persisted on the executors by user and by item
    (`half_step.by_row`)."""

    by_user: DataFrame
    by_item: DataFrame
    release: Callable[[], object]


def sides(preferences: DataFrame, problem: Problem, blocks: int, keep_items: bool = True) -> Sides:
    """Both sides in ``blocks`` partitions each; ``keep_items`` persists the item side, for several sweeps.

    Users and items without a positive strength need not be left out, as for Spark's own ALS: their factors
    are zero, and add nothing to others' equations.
    """
    columns = ("user_index", "item_index", problem.column)
    rows = preferences.select(*columns).filter(F.col(problem.column).isNotNull())
    by_user = by_row(rows, "user_index", "item_index", problem.column, blocks).persist()
    by_item = by_row(rows, "item_index", "user_index", problem.column, blocks)
    by_item = by_item.persist() if keep_items else by_item

    def release() -> None:
        by_user.unpersist()
        by_item.unpersist()

    return Sides(by_user, by_item, release)


def sweep(given: Sides, problem: Problem, start: Matrix, users: int, sweeps: int) -> Matrix:
    """The item factors after ``sweeps`` half-steps of the users and of the items each."""
    items = start
    for _ in range(sweeps):
        user_matrix = matrix(half_step(given.by_user, items, problem), users, problem.rank)
        items = matrix(half_step(given.by_item, user_matrix, problem), len(start), problem.rank)
    return items


def warm_fit(
    preferences: DataFrame, problem: Problem, start: Matrix, users: int, blocks: int, sweeps: int = SWEEPS
) -> Factors:
    """Factors after the users are solved for ``start``, then ``sweeps`` times the items and the users.

    ``start`` are item factors by index, zero for new items: a new item gets its factors from the users who
    touched it, a new user from the user's items. Every user row is the exact solution for the returned item
    factors, as after the last step of Spark's ALS.
    """
    given = sides(preferences, problem, blocks, keep_items=sweeps > 1)
    items = sweep(given, problem, start, users, sweeps)
    return Factors(half_step(given.by_user, items, problem), items, given.release)
