"""The publication of one version: all or nothing.

A version is written within its ``with`` block. At the end of the block all of it is deleted, unless the
pointer has moved to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from pyspark.sql import SparkSession

from contracts.settings import TrainingSettings
from contracts.stored.manifest import ListCounts, Manifest
from training.lists.content import write_content
from training.lists.users import ReusedLists
from training.registry import model_folder
from training.registry.publish import Publisher
from training.rounds import erasure
from training.rounds.erasure import ErasureProgress
from training.rounds.round_data import FittedModel


@dataclass
class Publication:
    """Writes a version to Redis and to its folder, and serves it."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    version: str
    _is_served: bool = field(default=False, init=False)

    def __enter__(self) -> Publication:
        # Called before the first file is written, so that the next round finds what a killed one left behind.
        self.publisher.begin(self.version)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        died = error_type is not None and not issubclass(error_type, Exception)
        if not self._is_served and not died:  # the next round deletes what an interrupted process leaves
            self._discard(self.version)

    def write(self, model: FittedModel, item_ids: list[str], reused: ReusedLists | None) -> ListCounts:
        """Write all that is read of a version. Returns how many users' lists were written and reused."""
        publisher, version = self.publisher, self.version
        publisher.write_items(version, item_ids)
        publisher.write_factors(version, model.items, model.user_gramian())
        counts = model.write_lists(publisher, version, self.settings, reused)
        if model.blend is not None:
            publisher.write_signals(version, model.blend.fields)
        write_content(publisher, version, item_ids, model.items, model.placed_scorer(self.settings))
        if model.rating_items is not None:
            publisher.write_rating_factors(version, model.rating_items)
        return counts

    def leave_out_erased(self, progress: ErasureProgress) -> None:
        """Empty the lists of users who asked to be forgotten while the round was at work."""
        erasure.leave_out_erased(self.publisher, self.version, progress)

    def complete(self, manifest: Manifest, lists: ListCounts, timings: dict[str, float]) -> Manifest:
        """Add to the manifest what was written, and write it as the last file of the folder."""
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
        for old in self.publisher.superseded_versions(self.version, self.settings.keep_versions):
            self._discard(old)
        return "published"

    def _discard(self, version: str) -> None:
        self.publisher.delete(version)
        model_folder.delete(self.spark, self.settings.models_uri, version)
