"""A model version on disk: MODELS_URI/<version>/ with its factors, id maps and manifest."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from clients.stored_files import StoredFiles
from contracts.stored.manifest import Manifest
from training.registry import local_models
from training.registry.outcome import parse_manifest

_FACTORS = "id INT, features ARRAY<FLOAT>"
_SCHEMAS = {
    "users": "user_id STRING, user_index INT",
    "items": "item_id STRING, item_index INT",
    **dict.fromkeys(("user_factors", "item_factors", "rating_user_factors", "rating_item_factors"), _FACTORS),
    # Factors of the measured fits, which were not trained on the held-out slice; the next round compares with
    # them.
    **dict.fromkeys(("measured_item_factors", "measured_rating_item_factors"), _FACTORS),
}
# The arrays of a version's blend, in the form of keyspace.model_signals.
SIGNALS = "signals"
_TABLES = {**_SCHEMAS, SIGNALS: "field STRING, content BINARY"}


@dataclass(frozen=True)
class ModelFrames:
    """The result of a fit: factors (id, features) by dense index, and the id maps (user_id, user_index)
    ..."""

    users: DataFrame
    items: DataFrame
    user_factors: DataFrame
    item_factors: DataFrame
    rating_user_factors: DataFrame | None = None
    rating_item_factors: DataFrame | None = None
    measured_item_factors: DataFrame | None = None
    measured_rating_item_factors: DataFrame | None = None

    def frames(self) -> dict[str, DataFrame]:
        """All existing frames, by the names of their folders."""
        return {name: frame for name, frame in vars(self).items() if frame is not None}


def _folder(models_uri: str, version: str) -> str:
    return f"{models_uri.rstrip('/')}/{version}"


def save(spark: SparkSession, models_uri: str, version: str, fit: ModelFrames) -> ModelFrames:
    """Write the factors and id maps as Parquet; returns the fit as read back, so it is computed once."""
    for name, frame in fit.frames().items():
        frame.write.parquet(f"{_folder(models_uri, version)}/{name}", mode="overwrite")
    return load(spark, models_uri, version)


def load(spark: SparkSession, models_uri: str, version: str) -> ModelFrames:
    """The factors and id maps of a version. Raises FileNotFoundError where there is none."""
    folder = _folder(models_uri, version)
    present = [name for name in StoredFiles(spark).folders(folder) if name in _SCHEMAS]
    if "user_factors" not in present:
        raise FileNotFoundError(f"No model {version!r} in {models_uri}: `headwater train --once` makes one")
    return ModelFrames(
        **{name: spark.read.schema(_SCHEMAS[name]).parquet(f"{folder}/{name}") for name in present}
    )


def item_ids(items: DataFrame) -> list[str]:
    """The ids of (item_id, item_index) by index."""
    table = items.toArrow().sort_by("item_index")
    ids: list[str] = table["item_id"].to_pylist()
    return ids


def write_manifest(spark: SparkSession, models_uri: str, manifest: Manifest) -> None:
    """Write the manifest, the last file of a version. A folder without it was never finished."""
    StoredFiles(spark).replace(
        f"{_folder(models_uri, manifest.version)}/{local_models.MANIFEST}", manifest.to_json(indent=2)
    )


def read_manifest(spark: SparkSession, models_uri: str, version: str) -> Manifest:
    """Raises FileNotFoundError where the version is not there or not finished; else as `parse_manifest`."""
    return parse_manifest(
        StoredFiles(spark).read(f"{_folder(models_uri, version)}/{local_models.MANIFEST}"), version
    )


def write_table(spark: SparkSession, models_uri: str, version: str, name: str, table: pa.Table) -> None:
    """Write one of the version's tables (those of `ModelFrames`, and SIGNALS) from this process.

    A folder on this machine is written without a Spark job.
    """
    local = local_models.local_folder(models_uri, version)
    if local is None:
        frame = spark.createDataFrame(table).coalesce(1)
        frame.write.parquet(f"{_folder(models_uri, version)}/{name}", mode="overwrite")
        return
    (local / name).mkdir(parents=True, exist_ok=True)
    pq.write_table(table, local / name / "part-00000.parquet")


def read_table(spark: SparkSession, models_uri: str, version: str, name: str) -> pa.Table | None:
    """One of the version's tables; None where it has none of that name.

    Raises DamagedModelError where a file on this machine is no Parquet.
    """
    local = local_models.local_folder(models_uri, version)
    if local is None:
        uri = f"{_folder(models_uri, version)}/{name}"
        if not StoredFiles(spark).exists(uri):
            return None
        return spark.read.schema(_TABLES[name]).parquet(uri).toArrow()
    if not (local / name).is_dir():
        return None
    try:
        return pq.read_table(local / name)
    except (OSError, pa.ArrowInvalid) as error:
        raise local_models.damaged_error(models_uri, version, str(error)) from error


def checksums(spark: SparkSession, models_uri: str, version: str) -> dict[str, str]:
    """SHA-256 of every Parquet file by its path within the version; read on the executors, if elsewhere."""
    found = local_models.checksums(models_uri, version)
    return found if found is not None else _checksums_by_spark(spark, models_uri, version)


def _checksums_by_spark(spark: SparkSession, models_uri: str, version: str) -> dict[str, str]:
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
    """Raises DamagedModelError if a file is missing, new, or does not have the content that was written."""
    try:
        found = checksums(spark, models_uri, version)
    except Py4JJavaError as error:  # Hadoop's checksums may find a flipped byte first
        raise local_models.damaged_error(models_uri, version, str(error.java_exception)) from error
    if manifest.checksums is not None:
        local_models.compare(models_uri, version, manifest.checksums, found)


def delete(spark: SparkSession, models_uri: str, version: str) -> None:
    """Delete a version's folder. It is no error if there is none."""
    StoredFiles(spark).delete(_folder(models_uri, version))
