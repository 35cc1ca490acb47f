"""Computes how popular each item is in the training part: of all time, and recently by several half-lives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

# Seconds, from half an hour to a year: recent popularity takes the one that lists the newest past best.
HALF_LIVES = (1800, 7200, 21_600, 86_400, 259_200, 604_800, 2_592_000, 7_776_000, 31_536_000)
_LEAST_LOG = -60.0  # what weighs less than 2 ** this counts as that: no underflow, older stays lower


@dataclass(frozen=True)
class ItemScores:
    """Scores by item index; zero for items that the training part does not have."""

    users: NDArray[np.int64]  # how many had it
    popularity: NDArray[np.float64]  # raters x mean rating, plus the weights of other interactions
    recent: dict[int, NDArray[np.float64]]  # the same decayed, by half-life


def item_scores(train: DataFrame, items: int, until: int) -> ItemScores:
    """Score items by the rows not after ``until`` (epoch ms), decayed to that instant."""
    millis = F.unix_millis("event_time")
    worth = F.coalesce("rating", "strength").cast("double")
    sums = [F.sum(worth * _decay(millis, until, h)).alias(str(h)) for h in HALF_LIVES]
    counted = F.count(F.lit(1)).alias("users")
    rows = train.filter(millis <= until).groupBy("item_index")
    table = rows.agg(counted, F.sum(worth).alias("popularity"), *sums).toArrow()
    index = table["item_index"].to_numpy()

    def dense(name: str) -> NDArray[np.float64]:
        values = np.zeros(items)
        values[index] = table[name].to_numpy()
        return values

    recent = {half_life: dense(str(half_life)) for half_life in HALF_LIVES}
    return ItemScores(dense("users").astype(np.int64), dense("popularity"), recent)


def _decay(millis: Column, until: int, half_life: int) -> Column:
    return F.pow(F.lit(2.0), F.greatest(F.lit(_LEAST_LOG), (millis - until) / (half_life * 1000.0)))
