"""The cost of live figures in the online query: a worker's micro-batches with and without them.

Every event is a like by one of 2,000 users of an item drawn by popularity, so that most are scored and many
are in a list. Users have histories, fresh lists and lists of the last training, and are folded in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import redis
from pydantic import SecretStr

from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from benchmarks.stream.freshness import ITEMS, USERS, publish_model
from contracts import topics
from contracts.settings import StreamingSettings
from contracts.stored import keyspace
from contracts.stored.records import encode_ranked
from streaming.online.micro_batch import apply_micro_batch, apply_rows
from streaming.online.outcomes import Outcomes
from streaming.online.position import Position
from streaming.online.rows import RecordRow
from streaming.online.touched_items import merge_touched
from streaming.state.applied_offsets import write_applied

_HISTORY, _EVENTS, _MICRO_BATCH, _ROUNDS = 20_000, 4_000, 50, 5
_PARTITION = f"{topics.INTERACTIONS.name}:0"
_START_MS = 1_767_225_600_000


def run(context: BenchContext) -> list[Ratio]:
    """Events a second through micro-batches of 50, as at 1,000 events/s."""
    client = redis.Redis.from_url(context.redis_url)
    events = max(1000, int(_EVENTS * context.scale))
    rows = _rows(_HISTORY + events)

    def rate(live_figures: bool) -> Callable[[], float]:
        settings = StreamingSettings(
            kafka_bootstrap_servers=context.bootstrap,
            redis_url=SecretStr(context.redis_url),
            live_figures=live_figures,
        )

        def measure() -> float:
            _prepare(context, client, rows[:_HISTORY], settings)
            position, outcomes = Position(context.bootstrap), Outcomes()
            started = time.monotonic()
            for start in range(_HISTORY, len(rows), _MICRO_BATCH):
                part = rows[start : start + _MICRO_BATCH]
                apply_micro_batch(client, part, position, settings, outcomes)
            return events / (time.monotonic() - started)

        return measure

    with_figures, without = alternating([rate(True), rate(False)], _ROUNDS)
    return [
        Ratio(
            "online query's worker, live figures",
            median(with_figures),
            median(without),
            median_ratio(with_figures, without),
            "events/s",
            0.9,
            "the same micro-batches without live figures",
        )
    ]


def _prepare(
    context: BenchContext, client: redis.Redis, history: Sequence[RecordRow], settings: StreamingSettings
) -> None:
    client.flushall()
    publish_model(context)
    version = client.get(keyspace.CURRENT_MODEL)
    assert isinstance(version, bytes)
    random = np.random.default_rng(3)
    lists = {
        f"u{user}": encode_ranked(random.integers(0, ITEMS // 4, 100).tolist(), [1.0] * 100)
        for user in range(USERS)
    }
    client.hset(keyspace.top_n(0, version.decode()), mapping=lists)  # type: ignore[arg-type]
    apply_rows(client, history, settings)
    merge_touched(client, settings)
    write_applied(client, keyspace.APPLIED_ONLINE, {_PARTITION: len(history)})


def _rows(count: int) -> list[RecordRow]:
    random = np.random.default_rng(2)
    users = random.integers(0, USERS, count).tolist()
    items = (ITEMS * random.random(count) ** 3).astype(int).tolist()  # the first ones are the popular ones
    nothing: dict[str, object] = dict.fromkeys(RecordRow._fields)
    return [
        RecordRow(
            **nothing  # type: ignore[arg-type]
            | {
                "partition": _PARTITION,
                "offset": n,
                "through": _START_MS + n,
                "accepted": topics.INTERACTIONS.name,
                "user_id": f"u{user}",
                "item_id": f"i{item + 1}",
                "event_type": "like",
                "event_id": f"00000000-0000-4000-8000-{n:012x}",
                "value": 1.0,
                "event_time": _START_MS + n,
            }
        )
        for n, (user, item) in enumerate(zip(users, items, strict=True))
    ]
