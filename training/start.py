"""The champion, as a round starts from it and is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from training import model_folder
from training.fit import Matrix, Problem
from training.load import Learnt
from training.outcome import Manifest
from training.ranked_lists import matrix


@dataclass(frozen=True)
class Start:
    """Its item factors by this round's indexes; the measured ones do not know what was held out."""

    manifest: Manifest
    items: Matrix
    rating_items: Matrix | None
    measured_items: Matrix | None
    measured_rating_items: Matrix | None

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """How it was measured."""
        found: Mapping[str, Any] = self.manifest.get("evaluation", {})
        return found

    def as_served(self, problem: Problem) -> Problem:
        """The problem with the champion's own parameters, by which its users are folded in."""
        parameters = self.manifest["parameters"]
        return replace(
            problem,
            rank=parameters["als_rank"],
            reg_param=parameters["als_reg_param"],
            alpha=parameters["als_alpha"],
            nonnegative=parameters["als_nonnegative"],
        )


def load_start(
    spark: SparkSession, settings: TrainingSettings, learnt: Learnt, champion: Manifest | None
) -> Start | None:
    """The champion's factors from its folder; None without a champion or its folder.

    Raises DamagedModelError where its files are not those that were written.
    """
    if champion is None:
        return None
    uri, version = settings.models_uri, champion["version"]
    try:
        fit = model_folder.load(spark, uri, version)
    except FileNotFoundError:
        return None
    model_folder.check(spark, uri, version, champion)
    old, parameters = model_folder.item_ids(fit.items), champion["parameters"]
    places = {item: index for index, item in enumerate(model_folder.item_ids(learnt.items))}
    kept = np.array([index for index, item in enumerate(old) if item in places], np.int64)
    target = np.array([places[old[index]] for index in kept], np.int64)

    def moved(name: str, rank: str) -> Matrix | None:
        factors = fit.frames().get(name)
        if factors is None:
            return None
        found = np.zeros((len(places), parameters[rank]), np.float32)
        found[target] = matrix(factors, len(old), parameters[rank])[kept]
        return found

    items = moved("item_factors", "als_rank")
    assert items is not None
    return Start(
        champion,
        items,
        moved("rating_item_factors", "explicit_rank"),
        moved("measured_item_factors", "als_rank"),
        moved("measured_rating_item_factors", "explicit_rank"),
    )
