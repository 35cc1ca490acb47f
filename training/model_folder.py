"""A model version on disk: MODELS_URI/<version>/ with its factors, id maps and manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from training import files
from training.outcome import Manifest

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Fit:
    """What a fit gives: factors (id, features) by dense index, and the id maps (user_id, user_index) ..."""

    users: DataFrame
    items: DataFrame
    user_factors: DataFrame
    item_factors: DataFrame
    rating_user_factors: DataFrame | None = None
    rating_item_factors: DataFrame | None = None

    def frames(self) -> dict[str, DataFrame]:
        """Every frame that there is, by the name of its folder."""
        return {name: frame for name, frame in vars(self).items() if frame is not None}


def _folder(models_uri: str, version: str) -> str:
    return f"{models_uri.rstrip('/')}/{version}"


def save(spark: SparkSession, models_uri: str, version: str, fit: Fit) -> Fit:
    """Write the factors and id maps as Parquet; returns the fit as read back, so it is computed once."""
    for name, frame in fit.frames().items():
        frame.write.parquet(f"{_folder(models_uri, version)}/{name}", mode="overwrite")
    return load(spark, models_uri, version)


def load(spark: SparkSession, models_uri: str, version: str) -> Fit:
    """The factors and id maps of a version. Raises FileNotFoundError where there is none."""
    folder = _folder(models_uri, version)
    present = files.list_folders(spark, folder)
    if "user_factors" not in present:
        raise FileNotFoundError(f"No model {version!r} in {models_uri}: `headwater train --once` makes one")
    return Fit(**{name: spark.read.parquet(f"{folder}/{name}") for name in present})


def write_manifest(spark: SparkSession, models_uri: str, version: str, manifest: Manifest) -> None:
    """The last file of a version: a folder without it was never finished."""
    files.write_text(spark, f"{_folder(models_uri, version)}/{MANIFEST}", json.dumps(manifest, indent=2))


def read_manifest(spark: SparkSession, models_uri: str, version: str) -> Manifest:
    """Raises FileNotFoundError where the version is not there or not finished."""
    manifest: Manifest = json.loads(files.read_text(spark, f"{_folder(models_uri, version)}/{MANIFEST}"))
    return manifest


def delete(spark: SparkSession, models_uri: str, version: str) -> None:
    """Delete a version's folder; nothing happens where there is none."""
    files.delete_folder(spark, _folder(models_uri, version))
