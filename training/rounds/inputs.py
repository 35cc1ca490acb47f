"""What a round starts from: one version of the lake, the served model, and how far erasures have come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from contracts.stored.memory import version_bytes
from training.data import dataset
from training.data.load import item_frame, load
from training.in_memory.events import BYTES_AN_EVENT
from training.in_memory.load import load_arrays
from training.in_memory.stored_events import unread_events
from training.registry.outcome import DamagedModelError
from training.registry.publish import Publisher
from training.rounds.champion import Champion, ChampionFiles, load_champion, match_champion
from training.rounds.erasure import ErasureProgress, read_progress
from training.rounds.in_process import ProcessData
from training.rounds.on_executors import ExecutorData
from training.rounds.round_data import RoundData

log = logging.getLogger("headwater.training")


@dataclass(frozen=True)
class RoundInputs:
    """All that a round reads before it fits anything."""

    served_version: str | None  # what the pointer named when the round began; only from there may it move
    data: RoundData
    champion: Champion | None  # the served model, where its folder is whole
    erasures: ErasureProgress


def read_inputs(
    spark: SparkSession, settings: TrainingSettings, publisher: Publisher
) -> RoundInputs | Literal["refused_older", "not_enough_data"]:
    """Read the newest version of the lake; or say why there is nothing to train on.

    Raises MemoryBudgetError where the new version would not fit into Redis.
    """
    served_version = publisher.current_version()
    manifest = _served_manifest(publisher)
    erasures = read_progress(publisher)  # before the lake is read
    lake_version = dataset.newest_version(spark, settings.lake_uri)
    if lake_version is None:
        return "not_enough_data"
    if manifest is not None and lake_version < manifest.lake_version:
        return "refused_older"
    files = _champion_files(spark, settings, manifest)
    known_items = files.item_ids if files and settings.warm_rounds else None
    data = read_data(spark, settings, lake_version, known_items)
    if data is None:
        return "not_enough_data"
    publisher.check_budget(version_bytes(data.world), settings.redis_memory_budget)
    champion = match_champion(files, manifest, data.item_ids()) if files and manifest else None
    return RoundInputs(served_version, data, champion, erasures)


def read_data(
    spark: SparkSession, settings: TrainingSettings, lake_version: int, known_items: list[str] | None
) -> RoundData | None:
    """One version of the lake: as arrays where they fit TRAIN_MEMORY, else on the executors.

    None where there is not enough in it to learn from. ``known_items``: see `training.data.load`.
    """
    unread = unread_events(spark, settings.lake_uri, lake_version)
    count = unread.count()
    if count * BYTES_AN_EVENT <= settings.train_memory:
        known = None if known_items is None else pa.array(known_items, pa.string())
        arrays = load_arrays(unread.read(), count, settings, lake_version, known)
        return None if arrays is None else ProcessData(spark, arrays)
    frame = None if known_items is None else item_frame(spark, known_items)
    data = load(spark, settings, lake_version, frame)
    return None if data is None else ExecutorData(spark, data)


def _served_manifest(publisher: Publisher) -> Manifest | None:
    """The served manifest. A damaged one counts as none, and the round makes a model that can be read."""
    try:
        return publisher.current_manifest()
    except DamagedModelError as error:
        log.warning("%s", error)
        return None


def _champion_files(
    spark: SparkSession, settings: TrainingSettings, manifest: Manifest | None
) -> ChampionFiles | None:
    try:
        return load_champion(spark, settings.models_uri, manifest)
    except DamagedModelError as error:
        log.warning("%s", error)
        return None
