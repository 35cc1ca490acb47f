"""A round's data and models as arrays in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from algorithms.content.stretch import PlacedScores
from algorithms.fold_in import gramian
from algorithms.parallel import begin, use_processes
from clients.spark_session import local_cores
from contracts.settings import TrainingSettings
from contracts.stored.manifest import Counts, EvaluationRecord, ListCounts
from contracts.stored.memory import World
from training.evaluation.chosen_blend import ChosenBlend
from training.evaluation.held_out import MeasurableUsers
from training.evaluation.slice import Slice, make_slice
from training.fit.als import Problem, ranking, rating
from training.fit.factors import Matrix, factors_table
from training.fit.warm import SWEEPS
from training.in_memory import als, lists
from training.in_memory.als import FittedFactors, Sides
from training.in_memory.blended_lists import write_blended_lists
from training.in_memory.events import BYTES_AN_EVENT
from training.in_memory.load import RoundArrays
from training.in_memory.pairs import Pairs
from training.in_memory.placed_scores import score_placed
from training.in_memory.signals import PastSignals, as_signal
from training.in_memory.slice import collect, collect_with_known, item_scores, marked_rows
from training.in_memory.split import Marked, past_of
from training.lists.segments import newest_attributes
from training.lists.users import ReusedLists
from training.registry import model_folder
from training.registry.publish import Publisher
from training.rounds.champion import Champion
from training.rounds.fitted_blend import FittedBlend, fitted_blend
from training.rounds.round_data import HeldOutSlice, MeasuredItems, StoredBlend

# A round on fewer interactions is computed by one process: starting others takes longer than they save
# (docs/decisions/0014-round-in-one-process.md).
_LEAST_DIVIDED = 20_000


@dataclass(frozen=True)
class _Rows:
    """Pairs to fit to."""

    pairs: Pairs
    counts: Counts

    def fit(self, problem: Problem, start: Matrix | None, seed: int) -> FittedFactors:
        sides = self._sides(problem)
        return als.with_users(sides, problem, _fit_items(sides, problem, start, seed))

    def fit_items(self, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
        return _fit_items(self._sides(problem), problem, start, seed)

    def _sides(self, problem: Problem) -> Sides:
        return als.sides_of(self.pairs, problem, self.counts.users, self.counts.items)


def _fit_items(sides: Sides, problem: Problem, start: Matrix | None, seed: int) -> Matrix:
    if start is None:
        return als.full_items(sides, problem, seed)
    return als.warm_items(sides, problem, start, SWEEPS)


@dataclass(frozen=True)
class ProcessData:
    """Implements RoundData over arrays."""

    spark: SparkSession
    data: RoundArrays

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
        ids: list[str] = self.data.item_ids.to_pylist()
        return ids

    @contextmanager
    def hold_out(
        self, settings: TrainingSettings, champion: EvaluationRecord | None
    ) -> Iterator[HeldOutSlice]:
        """See RoundData."""
        marked, evaluation, users = marked_rows(self.data, settings, champion)
        if not users.warm:
            yield HeldOutSlice(None, evaluation)
            return
        with _on_all_cores(settings, self.counts):
            yield HeldOutSlice(self._make_slice(settings, marked, evaluation, users), evaluation)

    def _make_slice(
        self, settings: TrainingSettings, marked: Marked, evaluation: EvaluationRecord, users: MeasurableUsers
    ) -> Slice | None:
        past = past_of(self.data, marked)
        learnt = past.pairs
        return make_slice(
            _Rows(learnt, self.counts),
            collect(marked, users, settings.evaluation_users, settings.seed),
            lambda until: item_scores(learnt, self.counts.items, until),
            evaluation,
            settings,
            self._signals(past, settings, self.data),
            collect_with_known(self.data, past, marked, settings) if settings.ranking == "blend" else None,
        )

    def fit(
        self, settings: TrainingSettings, start: Champion | None, blend: ChosenBlend | None
    ) -> ProcessModel:
        """Fit both models and the blend's signals on everything: in full, or warm from the champion."""
        rows, rated = _Rows(self.data.pairs, self.counts), None
        items, rating_items = (start.items, start.rating_items) if start else (None, None)
        with _on_all_cores(settings, self.counts):
            # Both beside the signals.
            ranked = begin(lambda: rows.fit(ranking(settings), items, settings.seed))
            if self.counts.ratings:
                rated = begin(lambda: rows.fit(rating(settings), rating_items, settings.seed))
            fitted = None if blend is None else self._fit_blend(blend, lambda: ranked().items, settings)
            return ProcessModel(self.spark, self.data, ranked(), rated() if rated else None, fitted)

    def _fit_blend(
        self, chosen: ChosenBlend, items: Callable[[], Matrix], settings: TrainingSettings
    ) -> FittedBlend:
        factors = cache(lambda: as_signal(items(), ranking(settings)))
        offered = self._signals(self.data, settings).fit(factors, chosen.blend.names)
        return fitted_blend(chosen, offered, factors())

    def _signals(
        self, past: RoundArrays, settings: TrainingSettings, everything: RoundArrays | None = None
    ) -> PastSignals:
        left = settings.train_memory - self.counts.interactions * BYTES_AN_EVENT
        return PastSignals(past, settings, left, everything)

    def release(self) -> None:
        """Nothing to do: only the arrays themselves take memory."""


@dataclass(frozen=True)
class ProcessModel:
    """Implements FittedModel over arrays."""

    spark: SparkSession
    data: RoundArrays
    ranked: FittedFactors
    rated: FittedFactors | None
    fitted_blend: FittedBlend | None = None

    @property
    def items(self) -> Matrix:
        """The item factors that rank, by index."""
        return self.ranked.items

    @property
    def rating_items(self) -> Matrix | None:
        """The item factors that predict ratings; None without a rating."""
        return self.rated.items if self.rated else None

    @property
    def blend(self) -> StoredBlend | None:
        """The blend that ranks; None: the factors rank alone."""
        return self.fitted_blend.stored if self.fitted_blend else None

    def user_gramian(self) -> NDArray[np.float64]:
        """XᵀX (rank, rank) of the user factors that rank."""
        return gramian(self.ranked.users)

    def placed_scorer(self, settings: TrainingSettings) -> Callable[[Matrix], PlacedScores] | None:
        """See FittedModel."""
        served = self.fitted_blend.served if self.fitted_blend else None
        return lambda placed: score_placed(self.data, settings, served, self.ranked, placed)

    def save(self, models_uri: str, version: str, measured: MeasuredItems) -> None:
        """Write the version's folder, except its manifest."""
        factors = {
            "user_factors": self.ranked.users,
            "item_factors": self.ranked.items,
            "rating_user_factors": self.rated.users if self.rated else None,
            "rating_item_factors": self.rating_items,
            "measured_item_factors": measured.ranking,
            "measured_rating_item_factors": measured.rating,
        }
        tables = {
            "users": _index_table("user_id", "user_index", self.data.user_ids),
            "items": _index_table("item_id", "item_index", self.data.item_ids),
            **{name: factors_table(found) for name, found in factors.items() if found is not None},
        }
        if self.fitted_blend is not None:
            tables[model_folder.SIGNALS] = self.fitted_blend.table()
        for name, table in tables.items():
            model_folder.write_table(self.spark, models_uri, version, name, table)

    def write_lists(
        self, publisher: Publisher, version: str, settings: TrainingSettings, reused: ReusedLists | None
    ) -> ListCounts:
        """Rank and write the lists of users, items and segments. Raises IncompletePublishError."""
        with _on_all_cores(settings, self.data.counts):
            if self.fitted_blend is not None:
                served = self.fitted_blend.served
                counts = write_blended_lists(publisher, version, self.data, served, settings)
            else:
                counts = lists.write_user_lists(
                    publisher, version, self.data, self.ranked, settings.top_n, reused
                )
            lists.write_similar_items(publisher, version, self.data, self.items)
            lists.write_top_users(publisher, version, self.data, self.ranked)
        attributes = newest_attributes(self.spark, settings.lake_uri, settings.segment_attributes)
        if attributes is not None:
            rows = [(row["id"], row["attributes"]) for row in attributes.collect()]
            bounds = settings.top_n, settings.segment_min_users
            lists.write_segment_lists(
                publisher, version, self.data, rows, settings.segment_attributes, *bounds
            )
        return counts


def _on_all_cores(settings: TrainingSettings, counts: Counts) -> AbstractContextManager[None]:
    """Compute on the cores that SPARK_MASTER gives, in as many processes as TRAIN_MEMORY has room for.

    In this process alone where there is so little to do that starting others would take longer.
    """
    if counts.interactions < _LEAST_DIVIDED:
        return use_processes(1)
    room = settings.train_memory // max(1, counts.interactions * BYTES_AN_EVENT)
    return use_processes(min(local_cores(settings.spark_master) or 1, room))


def _index_table(id_column: str, index_column: str, ids: pa.Array) -> pa.Table:
    return pa.table({id_column: ids, index_column: pa.array(np.arange(len(ids), dtype=np.int32))})
