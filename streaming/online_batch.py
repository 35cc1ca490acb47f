"""One micro-batch of the online query: the state in Redis, then how far it has come."""

from __future__ import annotations

import logging
import time

from pyspark.sql import DataFrame

from contracts import keyspace
from contracts.settings import StreamingSettings
from streaming import redis_sink
from streaming.online_sink import apply_batch
from streaming.parse import parse
from streaming.state_gate import writing_batch

log = logging.getLogger("headwater.online")


class OnlineBatch:
    """Applies batches; replaying one is harmless (see redis_sink)."""

    def __init__(self, settings: StreamingSettings) -> None:
        self._settings = settings

    def write(self, records: DataFrame, batch_id: int) -> None:
        """The foreachBatch function."""
        client = redis_sink.connect(self._settings.redis_url.get_secret_value())
        with writing_batch(client):
            started = time.monotonic()
            offsets = apply_batch(parse(records), self._settings)
            # Within the gate: a rebuild goes as far as this says, no further.
            redis_sink.write_applied(client, keyspace.APPLIED_ONLINE, offsets)
        seconds = time.monotonic() - started
        redis_sink.write_status(
            client, {"online_batch": str(batch_id), "online_batch_seconds": f"{seconds:.3f}"}
        )
        log.info("batch %d: applied through %s in %.2f s", batch_id, offsets, seconds)
