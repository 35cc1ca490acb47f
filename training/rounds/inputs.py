"""What a round starts from: the pinned data, the served model, and how far erasures have come."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import Manifest
from contracts.stored.memory import version_bytes
from training.data import dataset
from training.data.load import TrainingData, load
from training.registry.model_folder import ModelFrames
from training.registry.outcome import DamagedModelError
from training.registry.publish import Publisher
from training.rounds.champion import Champion, load_champion, match_champion
from training.rounds.erasure import ErasureProgress, read_progress

log = logging.getLogger("headwater.training")


@dataclass(frozen=True)
class RoundInputs:
    """All that a round reads before it fits anything."""

    served_version: str | None  # what the pointer named when the round began: it moves from there only
    data: TrainingData
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
    frames = _champion_frames(spark, settings, manifest)
    known_items = frames.items if frames and settings.warm_rounds else None
    data = load(spark, settings, lake_version, known_items)
    if data is None:
        return "not_enough_data"
    publisher.check_budget(version_bytes(data.world), settings.redis_memory_budget)
    champion = match_champion(frames, manifest, data) if frames and manifest else None
    return RoundInputs(served_version, data, champion, erasures)


def _served_manifest(publisher: Publisher) -> Manifest | None:
    """A damaged one counts as none: the round then makes a model that can be read again."""
    try:
        return publisher.current_manifest()
    except DamagedModelError as error:
        log.warning("%s", error)
        return None


def _champion_frames(
    spark: SparkSession, settings: TrainingSettings, manifest: Manifest | None
) -> ModelFrames | None:
    try:
        return load_champion(spark, settings.models_uri, manifest)
    except DamagedModelError as error:
        log.warning("%s", error)
        return None
