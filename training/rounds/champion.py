"""The champion (the served model): a round may start from it, and its candidate is compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from contracts.stored.manifest import EvaluationRecord, Manifest
from training.fit.als import Problem
from training.fit.factors import Matrix, dense
from training.registry import model_folder


@dataclass(frozen=True)
class Champion:
    """The served model with its item factors by this round's indexes; an item it does not know has zeros.

    The measured factors are those of the fit to the past that was measured: it has not seen what was held
    out.
    """

    manifest: Manifest
    items: Matrix
    rating_items: Matrix | None
    measured_items: Matrix | None
    measured_rating_items: Matrix | None
    same_indexes: bool = False  # of its items and this round's, so that the round can read its lists

    @property
    def evaluation(self) -> EvaluationRecord | None:
        """How it was measured; None where its manifest does not say."""
        return self.manifest.evaluation

    def as_served(self, problem: Problem) -> Problem:
        """The problem with the champion's own parameters, with which its users are folded in."""
        parameters = self.manifest.parameters
        return replace(
            problem,
            rank=parameters.als_rank,
            reg_param=parameters.als_reg_param,
            alpha=parameters.als_alpha,
            nonnegative=parameters.als_nonnegative,
        )


@dataclass(frozen=True)
class ChampionFiles:
    """What a round reads from the champion's folder: its item ids by index, and tables (id, features)."""

    item_ids: list[str]
    item_factors: pa.Table
    rating_item_factors: pa.Table | None
    measured_item_factors: pa.Table | None
    measured_rating_item_factors: pa.Table | None


def load_champion(spark: SparkSession, models_uri: str, manifest: Manifest | None) -> ChampionFiles | None:
    """The champion's folder; None without a champion or its folder.

    Raises DamagedModelError where its files are not those that were written.
    """
    if manifest is None:
        return None

    def read(name: str) -> pa.Table | None:
        return model_folder.read_table(spark, models_uri, manifest.version, name)

    items, item_factors = read("items"), read("item_factors")
    if items is None or item_factors is None:
        return None
    model_folder.check(spark, models_uri, manifest.version, manifest)
    return ChampionFiles(
        item_ids=items.sort_by("item_index")["item_id"].to_pylist(),
        item_factors=item_factors,
        rating_item_factors=read("rating_item_factors"),
        measured_item_factors=read("measured_item_factors"),
        measured_rating_item_factors=read("measured_rating_item_factors"),
    )


def match_champion(files: ChampionFiles, manifest: Manifest, new_ids: Sequence[str]) -> Champion:
    """The champion's factors, moved to the indexes that its items have among ``new_ids``."""
    old_ids = files.item_ids
    new_places = {item: index for index, item in enumerate(new_ids)}
    source = np.array([index for index, item in enumerate(old_ids) if item in new_places], np.int64)
    target = np.array([new_places[old_ids[index]] for index in source], np.int64)

    def move(factors: pa.Table | None, rank: int) -> Matrix | None:
        if factors is None:
            return None
        moved = np.zeros((len(new_ids), rank), np.float32)
        moved[target] = dense(factors, len(old_ids), rank)[source]
        return moved

    parameters = manifest.parameters
    items = move(files.item_factors, parameters.als_rank)
    assert items is not None
    return Champion(
        manifest=manifest,
        items=items,
        rating_items=move(files.rating_item_factors, parameters.explicit_rank),
        measured_items=move(files.measured_item_factors, parameters.als_rank),
        measured_rating_items=move(files.measured_rating_item_factors, parameters.explicit_rank),
        same_indexes=list(new_ids[: len(old_ids)]) == old_ids,
    )
