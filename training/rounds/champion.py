"""The champion (the served model), as a round starts from it and is compared with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from contracts.stored.manifest import EvaluationRecord, Manifest
from training.data.load import TrainingData
from training.fit.als import Problem
from training.fit.factors import Matrix, matrix
from training.registry import model_folder
from training.registry.model_folder import ModelFrames


@dataclass(frozen=True)
class Champion:
    """The served model with its item factors by this round's indexes; an item it does not know has zeros.

    The measured factors are of the fit that was measured, which does not know what was held out.
    """

    manifest: Manifest
    items: Matrix
    rating_items: Matrix | None
    measured_items: Matrix | None
    measured_rating_items: Matrix | None
    same_indexes: bool = False  # of its items: its lists can be read by this round's indexes

    @property
    def evaluation(self) -> EvaluationRecord | None:
        """How it was measured."""
        return self.manifest.evaluation

    def as_served(self, problem: Problem) -> Problem:
        """The problem with the champion's own parameters, by which its users are folded in."""
        parameters = self.manifest.parameters
        return replace(
            problem,
            rank=parameters.als_rank,
            reg_param=parameters.als_reg_param,
            alpha=parameters.als_alpha,
            nonnegative=parameters.als_nonnegative,
        )


def load_champion(spark: SparkSession, models_uri: str, manifest: Manifest | None) -> ModelFrames | None:
    """The champion's folder; None without a champion or its folder.

    Raises DamagedModelError where its files are not those that were written.
    """
    if manifest is None:
        return None
    try:
        frames = model_folder.load(spark, models_uri, manifest.version)
    except FileNotFoundError:
        return None
    model_folder.check(spark, models_uri, manifest.version, manifest)
    return frames


def match_champion(frames: ModelFrames, manifest: Manifest, data: TrainingData) -> Champion:
    """The champion's factors, moved to the indexes that its items have in the data."""
    old_ids, new_ids = model_folder.item_ids(frames.items), model_folder.item_ids(data.items)
    new_places = {item: index for index, item in enumerate(new_ids)}
    source = np.array([index for index, item in enumerate(old_ids) if item in new_places], np.int64)
    target = np.array([new_places[old_ids[index]] for index in source], np.int64)

    def move(factors: DataFrame | None, rank: int) -> Matrix | None:
        if factors is None:
            return None
        moved = np.zeros((len(new_ids), rank), np.float32)
        moved[target] = matrix(factors, len(old_ids), rank)[source]
        return moved

    parameters = manifest.parameters
    items = move(frames.item_factors, parameters.als_rank)
    assert items is not None
    return Champion(
        manifest=manifest,
        items=items,
        rating_items=move(frames.rating_item_factors, parameters.explicit_rank),
        measured_items=move(frames.measured_item_factors, parameters.als_rank),
        measured_rating_items=move(frames.measured_rating_item_factors, parameters.explicit_rank),
        same_indexes=new_ids[: len(old_ids)] == old_ids,
    )
