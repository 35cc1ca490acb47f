"""A model version on disk: MODELS_URI/<version>/ with its factors, id maps and manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from training import files
from training.fit import Matrix
from training.outcome import Manifest, TrainingError
from training.ranked_lists import matrix

MANIFEST = "manifest.json"
_FACTORS = "id INT, features ARRAY<FLOAT>"
_SCHEMAS = {
    "users": "user_id STRING, user_index INT",
    "items": "item_id STRING, item_index INT",
    **dict.fromkeys(("user_factors", "item_factors", "rating_user_factors", "rating_item_factors"), _FACTORS),
    # Of the fits that were measured, which do not know what was held out: what the next round compares with.
    **dict.fromkeys(("measured_item_factors", "measured_rating_item_factors"), _FACTORS),
}


class DamagedModelError(TrainingError):
    """A version's files are not those that were written."""


@dataclass(frozen=True)
class Fit:
    """What a fit gives: factors (id, features) by dense index, and the id maps (user_id, user_index) ..."""

    users: DataFrame
    items: DataFrame
    user_factors: DataFrame
    item_factors: DataFrame
    rating_user_factors: DataFrame | None = None
    rating_item_factors: DataFrame | None = None
    measured_item_factors: DataFrame | None = None
    measured_rating_item_factors: DataFrame | None = None

    def frames(self) -> dict[str, DataFrame]:
        """Every frame that there is, by the name of its folder."""
        return {name: frame for name, frame in vars(self).items() if frame is not None}


def factors_frame(spark: SparkSession, factors: Matrix) -> DataFrame:
    """A matrix as (id, features), without its zero rows."""
    kept = np.flatnonzero(factors.any(axis=1)).astype(np.int32)
    width = factors.shape[1]
    offsets = np.arange(0, width * len(kept) + 1, width, dtype=np.int32)
    features = pa.ListArray.from_arrays(offsets, pa.array(factors[kept].ravel(), pa.float32()))
    # Spark takes an empty list's type from nowhere: the schema says it.
    schema = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
    return spark.createDataFrame(pa.Table.from_arrays([pa.array(kept), features], schema=schema))


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
    present = [name for name in files.list_folders(spark, folder) if name in _SCHEMAS]
    if "user_factors" not in present:
        raise FileNotFoundError(f"No model {version!r} in {models_uri}: `headwater train --once` makes one")
    return Fit(**{name: spark.read.schema(_SCHEMAS[name]).parquet(f"{folder}/{name}") for name in present})


def item_matrix(factors: DataFrame, of: DataFrame, items: DataFrame, size: int, rank: int) -> Matrix:
    """A version's item factors by another's indexes: ``of`` and ``items`` are (item_id, item_index)."""
    theirs = of.withColumnRenamed("item_index", "id")
    moved = factors.join(theirs, "id").join(F.broadcast(items), "item_id")
    return matrix(moved.select(F.col("item_index").alias("id"), "features"), size, rank)


def write_manifest(spark: SparkSession, models_uri: str, version: str, manifest: Manifest) -> None:
    """The last file of a version: a folder without it was never finished."""
    files.write_text(spark, f"{_folder(models_uri, version)}/{MANIFEST}", json.dumps(manifest, indent=2))


def read_manifest(spark: SparkSession, models_uri: str, version: str) -> Manifest:
    """Raises FileNotFoundError where the version is not there or not finished."""
    manifest: Manifest = json.loads(files.read_text(spark, f"{_folder(models_uri, version)}/{MANIFEST}"))
    return manifest


def checksums(spark: SparkSession, models_uri: str, version: str) -> dict[str, str]:
    """SHA-256 of every Parquet file by its path within the version, read on the executors."""
    folder = _folder(models_uri, version)
    found = (
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", "true")
        .option("pathGlobFilter", "*.parquet")
        .load(folder)
        .select("path", F.sha2("content", 256).alias("sha256"))
    )
    return {row.path.rsplit(f"/{version}/", 1)[1]: row.sha256 for row in found.collect()}


def check(spark: SparkSession, models_uri: str, version: str, manifest: Manifest) -> None:
    """Raises DamagedModelError where a file is missing, new, or has another content than was written."""
    try:
        found = checksums(spark, models_uri, version)
    except Exception as error:  # Hadoop's own checksums find a flipped byte first
        raise DamagedModelError(_damaged(models_uri, version, str(error).splitlines()[0])) from error
    written = manifest.get("checksums", found)
    wrong = sorted(name for name in written.keys() | found.keys() if written.get(name) != found.get(name))
    if wrong:
        raise DamagedModelError(_damaged(models_uri, version, ", ".join(wrong)))


def _damaged(models_uri: str, version: str, what: str) -> str:
    return (
        f"Model {version} in {models_uri} is damaged ({what}): restore it from a backup, or train again; "
        "it is not used, the served model stays"
    )


def delete(spark: SparkSession, models_uri: str, version: str) -> None:
    """Delete a version's folder; nothing happens where there is none."""
    files.delete_folder(spark, _folder(models_uri, version))
