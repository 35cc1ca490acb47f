"""The publication of one version: all or nothing.

Within its ``with`` block a version is written; unless its pointer moved, all of it is deleted at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import ListCounts, Manifest
from training.data.load import TrainingData
from training.fit.gramian import gramian
from training.lists import items as item_lists
from training.lists import segments
from training.lists import writer as list_writer
from training.lists.users import ReusedLists, write_user_lists
from training.registry import model_folder
from training.registry.publish import Publisher
from training.rounds import erasure
from training.rounds.erasure import ErasureProgress
from training.rounds.final_fit import FittedModel


@dataclass
class Publication:
    """Writes a version to Redis and to its folder, and serves it."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    version: str
    _is_served: bool = field(default=False, init=False)

    def __enter__(self) -> Publication:
        # Before its first file, so that the next round finds what a killed one left behind.
        self.publisher.begin(self.version)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        died = error_type is not None and not issubclass(error_type, Exception)
        if not self._is_served and not died:  # what an interrupted process leaves, the next round deletes
            self._discard(self.version)

    def write(self, model: FittedModel, data: TrainingData, reused: ReusedLists | None) -> ListCounts:
        """Write everything that is read of a version; how many users' lists were written and reused."""
        publisher, version, settings = self.publisher, self.version, self.settings
        frames, items, rank = model.frames, model.items, model.items.shape[1]
        publisher.write_items(version, model_folder.item_ids(frames.items))
        publisher.write_factors(version, items, gramian(frames.user_factors, rank))
        counts = write_user_lists(publisher, version, frames, data.preferences, items, settings.top_n, reused)
        list_writer.write_similar(publisher, version, item_lists.similar_items(frames, items))
        top_users = item_lists.top_users(frames, data.preferences, data.counts.users, rank)
        list_writer.write_top_users(publisher, version, top_users)
        self._write_segments(data)
        if model.rating_items is not None:
            publisher.write_rating_factors(version, model.rating_items)
        return counts

    def _write_segments(self, data: TrainingData) -> None:
        settings = self.settings
        members = segments.members(self.spark, settings.lake_uri, settings.segment_attributes)
        if members is None:
            return
        lists = segments.segment_lists(
            members, data.users, data.preferences, settings.top_n, settings.segment_min_users
        )
        list_writer.write_segments(self.publisher, self.version, lists)

    def leave_out_erased(self, progress: ErasureProgress) -> None:
        """Empty the lists of users who asked to be forgotten while the round was at work."""
        erasure.leave_out_erased(self.publisher, self.version, progress)

    def complete(self, manifest: Manifest, lists: ListCounts, timings: dict[str, float]) -> Manifest:
        """The manifest with what was written; written itself as the last file of the folder."""
        whole = manifest.with_parts(
            timings=dict(timings),
            lists=lists,
            sizes=self.publisher.sizes(self.version),
            checksums=model_folder.checksums(self.spark, self.settings.models_uri, self.version),
        )
        model_folder.write_manifest(self.spark, self.settings.models_uri, whole)
        return whole

    def publish(self, manifest: Manifest, served_version: str | None) -> Literal["published", "lost_race"]:
        """Move the pointer from the version served when the round began, and delete superseded versions."""
        self._is_served = self.publisher.promote(manifest, served_version)
        if not self._is_served:
            return "lost_race"
        for old in self.publisher.superseded(self.version, self.settings.keep_versions):
            self._discard(old)
        return "published"

    def _discard(self, version: str) -> None:
        self.publisher.delete(version)
        model_folder.delete(self.spark, self.settings.models_uri, version)
