"""The data that a round is measured on: the past of a limited sample of users, and their held-out slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from algorithms.metrics import Positives
from algorithms.signals.history import Moments

Indexes = NDArray[np.int32]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredHistories:
    """Interactions of the measured users as CSR by the user's place in the sample, items ascending."""

    indptr: NDArray[np.int64]
    items: Indexes
    strengths: Values
    ratings: Values  # NaN where the user gave none
    liked: NDArray[np.bool_]  # the positives
    times: NDArray[np.int64]  # epoch ms
    grades: Values | None = None  # how much of a like each is; None on the executors

    def where(self, kept: NDArray[np.bool_]) -> MeasuredHistories:
        """The interactions where ``kept`` is true."""
        indptr = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)[self.indptr]
        return MeasuredHistories(
            indptr=indptr,
            items=self.items[kept],
            strengths=self.strengths[kept],
            ratings=self.ratings[kept],
            liked=self.liked[kept],
            times=self.times[kept],
            grades=None if self.grades is None else self.grades[kept],
        )

    def owners(self) -> NDArray[np.int64]:
        """The user's place for each interaction."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


@dataclass(frozen=True)
class MeasurableUsers:
    """How many users a split gives to measure on."""

    tested: int  # with anything held out
    with_positives: int
    warm: int  # those among them who have a past to train on


@dataclass(frozen=True)
class HeldOut:
    """What the fit learns about the measured users, and what came later, by the user's place."""

    past: MeasuredHistories
    later: MeasuredHistories
    counts: MeasurableUsers
    moments: Moments | None = None  # of the past, before the newest one of an item; None on the executors

    @property
    def positives(self) -> Positives:
        """The later positive interactions, which a good list would hold."""
        liked = self.later.where(self.later.liked)
        return Positives(liked.indptr, liked.items)


def count_users(marked: DataFrame) -> MeasurableUsers:
    """How many users there are to measure on, among rows with `held_out`."""
    row = _by_user(marked).agg(
        F.count_if("tested").alias("tested"),
        F.count_if("positive").alias("with_positives"),
        F.count_if(F.col("positive") & F.col("past")).alias("warm"),
    )
    return MeasurableUsers(**{name: int(value) for name, value in row.collect()[0].asDict().items()})


def _by_user(marked: DataFrame) -> DataFrame:
    return marked.groupBy("user_index").agg(
        F.bool_or("held_out").alias("tested"),
        F.bool_or(F.col("held_out") & F.col("positive")).alias("positive"),
        F.bool_or(~F.col("held_out")).alias("past"),
    )


def collect(marked: DataFrame, counts: MeasurableUsers, limit: int, seed: int) -> HeldOut:
    """The rows of at most ``limit`` users with anything held out, by chance, the same for the same seed."""
    chosen = _by_user(marked).filter("tested").orderBy(F.xxhash64("user_index", F.lit(seed)))
    sample = F.broadcast(chosen.limit(limit).select("user_index"))
    columns = ("user_index", "item_index", "strength", "rating", "positive", "held_out")
    rows = marked.join(sample, "user_index").select(*columns, F.unix_millis("event_time").alias("time"))
    table = rows.toArrow()
    column = {name: table[name].to_numpy() for name in table.column_names}
    order = np.lexsort((column["item_index"], column["user_index"]))
    users, place = np.unique(column["user_index"][order], return_inverse=True)
    both = MeasuredHistories(
        indptr=np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(users)))]).astype(np.int64),
        items=column["item_index"][order].astype(np.int32),
        strengths=column["strength"][order].astype(np.float64),
        ratings=_floats(column["rating"][order]),
        liked=column["positive"][order].astype(np.bool_),
        times=column["time"][order].astype(np.int64),
    )
    held_out = column["held_out"][order].astype(np.bool_)
    return HeldOut(both.where(~held_out), both.where(held_out), counts)


def _floats(column: NDArray[Any]) -> Values:
    """Nulls are NaN."""
    return np.array(column, np.float64)
