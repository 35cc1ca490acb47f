"""Reads new events of the lake, at most once a minute, to compare them with the served model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.settings import TrainingSettings
from training.data import dataset
from training.drift.asked_rounds import AskedRound, AskedRounds
from training.drift.figures import LIST_LENGTH, SERVED_HITS, NewEvent, Reference, figures_of, head_of
from training.drift.live_outcomes import LiveOutcomes
from training.drift.shortfall import Shortfall, expected_hit_rate
from training.registry.outcome import TrainingError
from training.registry.publish import Publisher

GATE_METRIC = "recall@10"
MOST_EVENTS = 5000  # the largest number of events in one look; if there are more, the newest
_POPULAR = 10_000  # items that the head is taken from


@dataclass
class DriftWatch:
    """Looks at the events since its last look, while a model is served."""

    spark: SparkSession
    settings: TrainingSettings
    publisher: Publisher
    rounds: AskedRounds = field(init=False)
    outcomes: LiveOutcomes = field(init=False)
    _shortfall: Shortfall | None = None
    _reference: Reference | None = None
    _item_ids: Sequence[str] = ()
    _seen_through: datetime | None = None
    _seen_version: int | None = None
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.rounds = AskedRounds(self.settings, time.monotonic)
        self.outcomes = LiveOutcomes(self.spark, self.settings.lake_uri)

    def asks(self) -> AskedRound | None:
        """The round that drift asks for now; usually None, and always None if DRIFT_ROUNDS is off."""
        now = time.monotonic()
        if not self.settings.drift_rounds or now - self._looked_at < self.settings.drift_look_seconds:
            return None
        self._looked_at = now
        version = self.publisher.current_version()
        if version is None:
            return None
        if self._reference is None or self._reference.version != version:
            self._refer_to(version)
        live = self._live_hits(version)
        events = self._new_events()
        if (events or live) and self._reference is not None:
            lists = self.publisher.lists_of(version, {event.user_id for event in events})
            named = {
                user: None if indexes is None else [self._item_ids[each] for each in indexes[:LIST_LENGTH]]
                for user, indexes in lists.items()
            }
            figures = figures_of(events, self._reference, named, self.settings)
            self.rounds.take({SERVED_HITS: np.asarray(live, dtype=np.float64), **figures})
        return self.rounds.due()

    def _refer_to(self, version: str) -> None:
        self._item_ids = self.publisher.item_ids(version)
        head = head_of(self.publisher.popular(_POPULAR))
        self._reference = Reference(version, frozenset(self._item_ids), head)
        self.rounds.model_changed()
        self._expect(version)

    def _expect(self, version: str) -> None:
        """Begin to compare the version's live hit rate with what the gate lets one expect."""
        live = self.outcomes.counts()
        recalls = {name: self._recall(name) for name in {version, *live}}
        expected = expected_hit_rate(version, live, recalls)
        self._shortfall = None if expected is None else Shortfall(expected)

    def _recall(self, version: str) -> float:
        """What the gate measured of a version; 0 where its manifest is gone or cannot be read."""
        with suppress(TrainingError):
            manifest = self.publisher.manifest_of(version)
            return (manifest.metrics.get(GATE_METRIC) or 0.0) if manifest else 0.0
        return 0.0

    def _live_hits(self, version: str) -> list[float]:
        """Whether each new event was in the list that its user had, by the live figures."""
        hits = self.outcomes.new_hits(version)
        if self._shortfall is not None and self._shortfall.takes(hits.retrained):
            self.rounds.fall_short(self._shortfall)
        return hits.served

    def _new_events(self) -> list[NewEvent]:
        """The lake's new events since the last look, oldest first; none at the first look."""
        version = dataset.newest_version(self.spark, self.settings.lake_uri)
        if version is None or version == self._seen_version:
            return []
        table = dataset.read_interactions(self.spark, self.settings.lake_uri, version)
        seen, newest = self._seen_through, None
        if seen is None:
            row = table.agg(F.max("ingest_time")).first()
            self._seen_through, self._seen_version = (row[0] if row else None), version
            return []
        # Delta's statistics leave out the files that hold nothing new.
        rows = (
            table.filter(F.col("ingest_time") > F.lit(seen))
            .select("user_id", "item_id", "event_type", "value", "ingest_time")
            .orderBy(F.desc("ingest_time"), F.desc("kafka_partition"), F.desc("kafka_offset"))
            .limit(MOST_EVENTS)
            .collect()
        )
        newest = rows[0].ingest_time if rows else seen
        self._seen_through, self._seen_version = newest, version
        return [NewEvent(row.user_id, row.item_id, row.event_type, row.value) for row in reversed(rows)]
