"""The million-rating world (6,040 users x 3,706 items) as training sees it, and a session to train in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import SecretStr
from pyspark.sql import DataFrame, SparkSession

from benchmarks.context import BenchContext
from contracts.settings import TrainingSettings
from contracts.strengths import strength_of_rating
from ingest.simulated.source import SyntheticWorld, WorldSize
from stack.machine.jars import jars_dir
from training.evaluation.held_out import MeasuredHistories
from training.runtime.session import training_session

USERS, ITEMS, RATINGS = 6040, 3706, 1_000_209


class Ratings(NamedTuple):
    """Indexes, ratings, their strengths and times, in time order."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64]
    strengths: NDArray[np.float64]
    times: NDArray[np.int64]
    size: WorldSize

    def part(self, start: float, stop: float) -> Ratings:
        """The events of a share of the time."""
        rows = slice(int(start * len(self.users)), int(stop * len(self.users)))
        return self._replace(
            users=self.users[rows],
            items=self.items[rows],
            values=self.values[rows],
            strengths=self.strengths[rows],
            times=self.times[rows],
        )

    def frame(self, spark: SparkSession, blocks: int) -> DataFrame:
        """Preferences by index."""
        columns: dict[str, Any] = {
            "user_index": pa.array(self.users, pa.int32()),
            "item_index": pa.array(self.items, pa.int32()),
            "strength": pa.array(self.strengths, pa.float32()),
            "rating": pa.array(self.values, pa.float32()),
        }
        return spark.createDataFrame(pa.table(columns)).repartition(blocks).persist()

    def histories(self, users: NDArray[np.int64]) -> MeasuredHistories:
        """The histories of these users, in the given order."""
        place = np.full(self.size.users, -1)
        place[users] = np.arange(len(users))
        rows = np.flatnonzero(place[self.users] >= 0)
        rows = rows[np.lexsort((self.items[rows], place[self.users[rows]]))]
        counts = np.bincount(place[self.users[rows]], minlength=len(users))
        values = self.values[rows]
        return MeasuredHistories(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.items[rows],
            self.strengths[rows],
            values,
            values >= 4,
            self.times[rows],
        )


def world(scale: float, settings: TrainingSettings) -> Ratings:
    """The synthetic world, scaled in users and items."""
    side = scale**0.5
    size = WorldSize(max(100, int(USERS * side)), max(200, int(ITEMS * side)), int(RATINGS * scale))
    users, items, values, times = SyntheticWorld(size).history()
    return Ratings(users, items, values, strengths_of(values, settings), times, size)


def strengths_of(values: NDArray[np.float64], settings: TrainingSettings) -> NDArray[np.float64]:
    """The strengths of ratings in steps of a half."""
    steps = np.arange(0.5, 5.5, 0.5)
    of_step = np.array([strength_of_rating(step, settings.rating_strengths) for step in steps])
    return np.asarray(of_step[np.searchsorted(steps, values)])


def settings_of(context: BenchContext, **changes: Any) -> TrainingSettings:
    """The trainer's default settings, on two cores."""
    return TrainingSettings(
        redis_url=SecretStr(context.redis_url),
        checkpoints_uri=str(context.work_dir / "checkpoints"),
        spark_jars_dir=str(jars_dir("spark")),
        spark_master="local[2]",
        **changes,
    )


def session(settings: TrainingSettings) -> SparkSession:
    """The trainer's Spark session."""
    return training_session(settings)
