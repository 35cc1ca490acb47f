"""The champion, as a round starts from it and is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from training.data.load import Learnt
from training.fit.als import Problem
from training.fit.factors import Matrix, matrix
from training.registry import model_folder
from training.registry.model_folder import Fit
from training.registry.outcome import Manifest


@dataclass(frozen=True)
class Start:
    """Its item factors by this round's indexes; the measured ones do not know what was held out."""

    manifest: Manifest
    items: Matrix
    rating_items: Matrix | None
    measured_items: Matrix | None
    measured_rating_items: Matrix | None
    same_indexes: bool = False  # of its items: its lists can be read by this round's

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


def load_champion(spark: SparkSession, models_uri: str, champion: Manifest | None) -> Fit | None:
    """The champion's folder; None without a champion or its folder.

    Raises DamagedModelError where its files are not those that were written.
    """
    if champion is None:
        return None
    try:
        fit = model_folder.load(spark, models_uri, champion["version"])
    except FileNotFoundError:
        return None
    model_folder.check(spark, models_uri, champion["version"], champion)
    return fit


def start_from(fit: Fit, champion: Manifest, learnt: Learnt) -> Start:
    """The champion's factors by the indexes of what is learnt now."""
    old, parameters = model_folder.item_ids(fit.items), champion["parameters"]
    now = model_folder.item_ids(learnt.items)
    places = {item: index for index, item in enumerate(now)}
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
        same_indexes=now[: len(old)] == old,
    )
