"""Restores what was known at the cut of a temporal split about pairs with events after it.

A pair belongs to the time of its first event: from then on its item is known, and no list holds it. But the
pair's row holds its last events, which may be newer than the cut. A fit that learns from such a row knows the
future; a fit without the pair lacks what every earlier model has seen. So these pairs get the events that
they had at the cut (docs/decisions/0011-first-touch.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from training.data import dataset

_KEYS = ["user_index", "item_index"]


@dataclass(frozen=True)
class Repeats:
    """The pairs with events at several times (persisted on the executors), and where to read their events."""

    pairs: DataFrame  # user_id, item_id, user_index, item_index, first_time, last_time
    interactions: DataFrame  # lake.INTERACTIONS
    settings: TrainingSettings


def find_repeats(pairs: DataFrame, interactions: DataFrame, settings: TrainingSettings) -> Repeats | None:
    """The repeats among all pairs with indexes, those of which nothing counts any more among them."""
    columns = ("user_id", "item_id", *_KEYS, "first_time", "last_time")
    repeated = pairs.filter("first_time < last_time").select(*columns).persist()
    if repeated.count():
        return Repeats(repeated, interactions, settings)
    repeated.unpersist()
    return None


def as_known(marked: DataFrame, repeats: Repeats | None, cutoff: int | None = None) -> DataFrame:
    """Rows with `held_out`: those to train on as they were at the cut, held out only what was new then.

    The cut is one instant for everybody (epoch ms). Without one, each user with anything held out has a cut
    of their own: the newest first touch among the user's rows to train on.
    """
    if repeats is None:
        return marked
    then = _preferences_at_cut(_touched_again(marked, repeats.pairs, cutoff), repeats)
    values = [name for name in marked.columns if name not in (*_KEYS, "held_out")]
    then = then.select(*_KEYS, *(F.col(name).alias(f"then_{name}") for name in values))
    both = marked.join(then, _KEYS, "full_outer")
    # If the cut is a user's own, a pair whose first event is exactly at the cut may be held out, and stays
    # so.
    is_new = F.coalesce("held_out", F.lit(False))
    was_known = ~is_new & F.col("then_event_time").isNotNull()
    # Retracted before the cut: the item could be recommended again, and the user came back to it.
    is_again = F.col("then_user_id").isNotNull() & ~was_known
    # A pair that was retracted both at the cut and afterwards has no row.
    there = both.filter(was_known | F.col("held_out").isNotNull())
    as_they_were = (
        F.when(was_known, F.col(f"then_{name}")).otherwise(F.col(name)).alias(name) for name in values
    )
    return there.select(*_KEYS, *as_they_were, (is_new | is_again).alias("held_out"))


def _touched_again(marked: DataFrame, pairs: DataFrame, cutoff: int | None) -> DataFrame:
    """Pairs known at their ``cut`` that were touched again after it."""
    if cutoff is not None:
        return pairs.withColumn("cut", F.timestamp_millis(F.lit(cutoff))).filter(_spans(F.col("cut")))
    newest = F.max(F.when(~F.col("held_out"), F.col("first_time"))).alias("cut")
    tested = marked.groupBy("user_index").agg(newest, F.bool_or("held_out").alias("tested"))
    return pairs.join(tested.filter("tested").drop("tested"), "user_index").filter(_spans(F.col("cut")))


def _spans(cut: Column) -> Column:
    return (F.col("first_time") <= cut) & (F.col("last_time") > cut)


def _preferences_at_cut(touched: DataFrame, repeats: Repeats) -> DataFrame:
    """The pairs' preferences from events up to the cut; ``event_time`` is null where no event counts."""
    pairs = touched.select("user_id", "item_id", *_KEYS, "cut")
    events = repeats.interactions.join(pairs, ["user_id", "item_id"]).filter("event_time <= cut")
    writers = dataset.last_writers(events, _KEYS)
    return dataset.preferences(writers, repeats.settings, repeats.settings.positive_rating, _KEYS)
