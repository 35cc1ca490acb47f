"""What a round learns from, wherever it computes: on Spark's executors or in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.content.stretch import PlacedScores
from contracts.settings import TrainingSettings
from contracts.stored.manifest import BlendRecord, Counts, EvaluationRecord, ListCounts
from contracts.stored.memory import World
from training.evaluation.chosen_blend import ChosenBlend
from training.evaluation.slice import Slice
from training.fit.factors import Matrix
from training.lists.users import ReusedLists
from training.registry.publish import Publisher
from training.rounds.champion import Champion


class HeldOutSlice(NamedTuple):
    """What fits are measured on (None where there is nothing), and how the rows were split."""

    slice: Slice | None
    evaluation: EvaluationRecord


class MeasuredItems(NamedTuple):
    """Item factors of the fits that were measured, which have not seen what was held out."""

    ranking: Matrix | None
    rating: Matrix | None


class StoredBlend(NamedTuple):
    """A fitted blend as it is published: its record, and its arrays by field."""

    record: BlendRecord
    fields: dict[str, bytes]


class FittedModel(Protocol):
    """Both models, fitted on everything. User factors stay where they were computed."""

    @property
    def items(self) -> Matrix:
        """The item factors that rank, by index."""

    @property
    def rating_items(self) -> Matrix | None:
        """The item factors that predict ratings; None without a rating."""

    @property
    def blend(self) -> StoredBlend | None:
        """The blend that ranks; None: the factors rank alone."""

    def user_gramian(self) -> NDArray[np.float64]:
        """XᵀX (rank, rank) of the user factors that rank."""

    def placed_scorer(self, settings: TrainingSettings) -> Callable[[Matrix], PlacedScores] | None:
        """What the items score by given factors (`training.in_memory.placed_scores`); None: unknown."""

    def save(self, models_uri: str, version: str, measured: MeasuredItems) -> None:
        """Write the version's folder, except its manifest."""

    def write_lists(
        self, publisher: Publisher, version: str, settings: TrainingSettings, reused: ReusedLists | None
    ) -> ListCounts:
        """Rank and write the lists of users, items and segments. Raises IncompletePublishError."""


class RoundData(Protocol):
    """The pinned data of a round by dense index."""

    @property
    def counts(self) -> Counts:
        """How much there is."""

    @property
    def lake_version(self) -> int:
        """The version of the lake that was read."""

    @property
    def world(self) -> World:
        """The sizes from which follows what a version takes in Redis."""

    def item_ids(self) -> list[str]:
        """The ids of the items by index."""

    def hold_out(
        self, settings: TrainingSettings, champion: EvaluationRecord | None
    ) -> AbstractContextManager[HeldOutSlice]:
        """Split into what is learnt and what is held out; both are kept until the ``with`` block ends.

        ``champion`` is how the champion was measured: what its measured fit has learnt is not held out.
        """

    def fit(
        self, settings: TrainingSettings, start: Champion | None, blend: ChosenBlend | None
    ) -> FittedModel:
        """Fit both models, and the blend's signals, on everything: in full, or warm from the champion.

        On the executors no signals are fitted.
        """

    def release(self) -> None:
        """Give the memory back."""
