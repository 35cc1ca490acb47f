"""One micro-batch of the lake query: accepted rows to Delta, rejected ones to their topic."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812

from contracts import lake, topics
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.lake_sink import append, committed_batch
from streaming.maintenance import Maintenance
from streaming.parse import accepted_entries, accepted_interactions, parse, rejected
from streaming.rejected_sink import write_rejected

log = logging.getLogger("headwater.lake")


class LakeBatch:
    """Writes batches in order; ``query_id`` is asked at the first, when the query has its id."""

    def __init__(self, settings: StreamingSettings, query_id: Callable[[], str]) -> None:
        self._settings, self._query_id = settings, query_id
        self._maintenance = Maintenance(settings)

    def write(self, records: DataFrame, batch_id: int) -> None:
        """The foreachBatch function."""
        started, parsed = time.monotonic(), parse(records)
        counts = self._append_interactions(parsed, batch_id)
        # Rare rows cost a second reading of the batch only when the first has seen some.
        if counts["entries"]:
            append(
                accepted_entries(parsed), lake.CATALOG, self._settings.lake_uri, self._query_id(), batch_id
            )
        if counts["rejected"]:
            write_rejected(rejected(parsed), self._settings.kafka_bootstrap_servers)
        self._report(counts, batch_id, time.monotonic() - started)
        self._maintenance.run_if_due(records.sparkSession)

    def _append_interactions(self, parsed: DataFrame, batch_id: int) -> dict[str, int]:
        settings, query_id, spark = self._settings, self._query_id(), parsed.sparkSession
        table = lake.INTERACTIONS
        path = table.path(settings.lake_uri)
        if committed_batch(spark, path, f"{query_id}:{table.name}") >= batch_id:
            # A replay: Delta has the rows, but what comes after them may be missing.
            log.warning("batch %d replayed after a restart: the table already holds it", batch_id)
            return _counted(parsed)
        seen = Observation(f"lake-{batch_id}")
        observed = parsed.observe(seen, *_counters())
        append(accepted_interactions(observed), table, settings.lake_uri, query_id, batch_id)
        return {name: int(count or 0) for name, count in seen.get.items()}

    def _report(self, counts: dict[str, int], batch_id: int, seconds: float) -> None:
        client = redis_sink.connect(self._settings.redis_url.get_secret_value())
        redis_sink.write_status(client, {"lake_batch": str(batch_id), "lake_batch_seconds": f"{seconds:.3f}"})
        log.info(
            "batch %d: %d accepted, %d rejected, %d catalogue entries in %.2f s",
            batch_id,
            counts["accepted"],
            counts["rejected"],
            counts["entries"],
            seconds,
        )


def _counters() -> list[Column]:
    event, bad = F.col("topic") == topics.INTERACTIONS.name, F.col("reason").isNotNull()
    cases = {"accepted": event & ~bad, "entries": ~event & ~bad, "rejected": bad}
    return [F.sum(case.cast("long")).alias(name) for name, case in cases.items()]


def _counted(parsed: DataFrame) -> dict[str, int]:
    row = parsed.agg(*_counters()).collect()[0]
    return {name: int(count or 0) for name, count in row.asDict().items()}
