"""A round's data and models on Spark's executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from algorithms.content.stretch import PlacedScores
from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts, EvaluationRecord, ListCounts
from contracts.stored.memory import World
from training.data import split
from training.data.load import TrainingData
from training.evaluation.chosen_blend import ChosenBlend
from training.evaluation.held_out import collect
from training.evaluation.item_scores import item_scores
from training.evaluation.slice import make_slice, split_rows
from training.fit.als import Factors, Problem, full_fit, ranking, rating
from training.fit.factors import Matrix, factors_frame
from training.fit.gramian import gramian
from training.fit.warm import warm_fit
from training.lists import items as item_lists
from training.lists import segments, writer
from training.lists.users import ReusedLists, write_user_lists
from training.registry import model_folder
from training.registry.model_folder import ModelFrames
from training.registry.publish import Publisher
from training.rounds.champion import Champion
from training.rounds.round_data import HeldOutSlice, MeasuredItems, StoredBlend


@dataclass(frozen=True)
class _Rows:
    """Preferences to fit to (training.data.dataset), with indexes."""

    preferences: DataFrame
    counts: Counts
    blocks: int

    def fit(self, problem: Problem, start: Matrix | None, seed: int) -> Factors:
        if start is None:
            return full_fit(self.preferences, problem, self.counts.items, self.blocks, seed)
        return warm_fit(self.preferences, problem, start, self.counts.users, self.blocks)

    def fit_items(self, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
        fitted = self.fit(problem, start, seed)
        fitted.release()
        return fitted.items


@dataclass(frozen=True)
class ExecutorData:
    """Implements RoundData over Spark's data frames."""

    spark: SparkSession
    data: TrainingData

    @property
    def counts(self) -> Counts:
        """How much there is."""
        return self.data.counts

    @property
    def lake_version(self) -> int:
        """The version of the lake that was read."""
        return self.data.lake_version

    @property
    def world(self) -> World:
        """The sizes from which follows what a version takes in Redis."""
        return self.data.world

    def item_ids(self) -> list[str]:
        """The ids of the items by index."""
        return model_folder.item_ids(self.data.items)

    @contextmanager
    def hold_out(
        self, settings: TrainingSettings, champion: EvaluationRecord | None
    ) -> Iterator[HeldOutSlice]:
        """See RoundData; the rows are released at the end."""
        data = self.data
        rows, evaluation, users = split_rows(data.preferences, settings, champion, data.repeats)
        try:
            if not users.warm:
                yield HeldOutSlice(None, evaluation)
                return
            learnt = split.parts(rows)[0]
            slice_ = make_slice(
                _Rows(learnt, data.counts, data.blocks),
                collect(rows, users, settings.evaluation_users, settings.seed),
                lambda until: item_scores(learnt, data.counts.items, until),
                evaluation,
                settings,
            )
            yield HeldOutSlice(slice_, evaluation)
        finally:
            rows.unpersist()

    def fit(
        self, settings: TrainingSettings, start: Champion | None, blend: ChosenBlend | None
    ) -> ExecutorModel:
        """Fit both models on everything: in full, or warm from the champion. No signals are fitted here."""
        rows = _Rows(self.data.preferences, self.data.counts, self.data.blocks)
        ranked = rows.fit(ranking(settings), start.items if start else None, settings.seed)
        rated = None
        if self.data.counts.ratings:
            rated = rows.fit(rating(settings), start.rating_items if start else None, settings.seed)
        return ExecutorModel(self.spark, self.data, ranked, rated)

    def release(self) -> None:
        """Give the executors' memory back."""
        self.data.release()


class ExecutorModel:
    """Implements FittedModel over data frames. ``save`` must be called before what reads user factors."""

    def __init__(
        self, spark: SparkSession, data: TrainingData, ranked: Factors, rated: Factors | None
    ) -> None:
        self._spark, self._data = spark, data
        self._ranked, self._rated = ranked, rated
        self._saved: ModelFrames | None = None

    @property
    def items(self) -> Matrix:
        """The item factors that rank, by index."""
        return self._ranked.items

    @property
    def rating_items(self) -> Matrix | None:
        """The item factors that predict ratings; None without a rating."""
        return self._rated.items if self._rated else None

    @property
    def blend(self) -> StoredBlend | None:
        """None: the factors alone rank."""
        return None

    def save(self, models_uri: str, version: str, measured: MeasuredItems) -> None:
        """Write the folder, and from then on read the factors from it, so that they are computed once."""
        frames = ModelFrames(
            users=self._data.users,
            items=self._data.items,
            user_factors=self._ranked.users,
            item_factors=factors_frame(self._spark, self._ranked.items),
            rating_user_factors=self._rated.users if self._rated else None,
            rating_item_factors=self._frame(self.rating_items),
            measured_item_factors=self._frame(measured.ranking),
            measured_rating_item_factors=self._frame(measured.rating),
        )
        self._saved = model_folder.save(self._spark, models_uri, version, frames)
        for factors in (self._ranked, self._rated):
            if factors is not None:
                factors.release()

    def user_gramian(self) -> NDArray[np.float64]:
        """XᵀX (rank, rank) of the user factors that rank."""
        return gramian(self._frames.user_factors, self.items.shape[1])

    def placed_scorer(self, settings: TrainingSettings) -> Callable[[Matrix], PlacedScores] | None:
        """None: the users' factors are not here."""
        return None

    def write_lists(
        self, publisher: Publisher, version: str, settings: TrainingSettings, reused: ReusedLists | None
    ) -> ListCounts:
        """Rank and write the lists of users, items and segments. Raises IncompletePublishError."""
        frames, preferences, items = self._frames, self._data.preferences, self.items
        counts = write_user_lists(publisher, version, frames, preferences, items, settings.top_n, reused)
        writer.write_similar(publisher, version, item_lists.similar_items(frames, items))
        top_users = item_lists.top_users(frames, preferences, self._data.counts.users, items.shape[1])
        writer.write_top_users(publisher, version, top_users)
        members = segments.members(self._spark, settings.lake_uri, settings.segment_attributes)
        if members is not None:
            lists = segments.segment_lists(
                members, self._data.users, preferences, settings.top_n, settings.segment_min_users
            )
            writer.write_segments(publisher, version, lists)
        return counts

    @property
    def _frames(self) -> ModelFrames:
        assert self._saved is not None
        return self._saved

    def _frame(self, factors: Matrix | None) -> DataFrame | None:
        return None if factors is None else factors_frame(self._spark, factors)
