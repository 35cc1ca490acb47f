"""The fit on everything, what was held out too, written to the version's folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from contracts.settings import TrainingSettings
from training.data.load import TrainingData
from training.fit.als import Factors, Problem, full_fit, ranking, rating
from training.fit.factors import Matrix, factors_frame
from training.fit.warm import warm_fit
from training.registry import model_folder
from training.registry.model_folder import ModelFrames
from training.rounds.champion import Champion
from training.rounds.gate import Assessment


class FittedModel(NamedTuple):
    """A version's folder, and its item factors by index; those for ratings are None without a rating."""

    frames: ModelFrames
    items: Matrix
    rating_items: Matrix | None


@dataclass(frozen=True)
class FinalFit:
    """Fits what will be served."""

    spark: SparkSession
    settings: TrainingSettings

    def save(
        self, version: str, data: TrainingData, champion: Champion | None, assessment: Assessment
    ) -> FittedModel:
        """Fit both models, from the champion in a warm round, and write the version's folder."""
        settings = self.settings
        start = champion if assessment.warm else None
        ranked = self._fit(data, ranking(settings), start.items if start else None)
        rated = None
        if data.counts.ratings:
            rated = self._fit(data, rating(settings), start.rating_items if start else None)
        frames = ModelFrames(
            users=data.users,
            items=data.items,
            user_factors=ranked.users,
            item_factors=factors_frame(self.spark, ranked.items),
            rating_user_factors=rated.users if rated else None,
            rating_item_factors=self._frame(rated.items if rated else None),
            measured_item_factors=self._frame(assessment.item_factors),
            measured_rating_item_factors=self._frame(assessment.rating_item_factors),
        )
        saved = model_folder.save(self.spark, settings.models_uri, version, frames)
        for factors in (ranked, rated):
            if factors is not None:
                factors.release()
        return FittedModel(saved, ranked.items, rated.items if rated else None)

    def _fit(self, data: TrainingData, problem: Problem, start: Matrix | None) -> Factors:
        if start is None:
            return full_fit(data.preferences, problem, data.counts.items, data.blocks, self.settings.seed)
        return warm_fit(data.preferences, problem, start, data.counts.users, data.blocks)

    def _frame(self, factors: Matrix | None) -> DataFrame | None:
        return None if factors is None else factors_frame(self.spark, factors)
