"""POST /v1/events in batches of 1,000 against the same Kafka client without HTTP.

Both wait until Kafka has acknowledged (acks=all, idempotent) every event, on one topic of one broker; the API
is one process, asked by wrk over a few connections. The peer sends bytes that are ready.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import islice
from statistics import median

from benchmarks.api.serving import serving_process, wrk
from benchmarks.context import BenchContext, Ratio, alternating, median_ratio
from clients.event_producer import EventProducer, open_producer
from clients.topic_admin import create_topics
from contracts.events import Interaction
from contracts.settings import KafkaSettings
from contracts.topics import INTERACTIONS, TOPICS

_BATCH, _EVENTS, _ROUNDS, _SECONDS, _CONNECTIONS = 1000, 60_000, 3, 5, 4


def run(context: BenchContext) -> list[Ratio]:
    """Measure events a second that Kafka acknowledged."""
    create_topics(context.bootstrap, TOPICS)
    settings = KafkaSettings(kafka_bootstrap_servers=context.bootstrap)
    events = [
        Interaction.model_validate(fields) for fields in _fields(max(_BATCH, round(_EVENTS * context.scale)))
    ]
    records = [(event.key, event.to_json()) for event in events]
    producer = open_producer(settings)
    with serving_process(context, kafka_bootstrap_servers=context.bootstrap) as url:
        ours, peer = alternating(
            [lambda: _post_rate(context, url), lambda: _send_rate(producer, records)],
            _ROUNDS,
        )
    producer.close()
    note = f"the same client ({settings.kafka_client}) without HTTP, same broker and acknowledgements"
    rate = median_ratio(ours, peer)
    return [
        Ratio(
            name="events by REST, batches of 1,000",
            ours=median(ours),
            peer=median(peer),
            ratio=rate,
            unit="events/s",
            target=0.5,
            note=note,
        ),
    ]


def _fields(count: int) -> list[dict[str, object]]:
    return [
        {
            "event_type": "rating",
            "user_id": f"u{place % 997}",
            "item_id": f"i{place * 7 % 4000}",
            "value": 4.5,
        }
        for place in range(count)
    ]


def _post_rate(context: BenchContext, url: str) -> float:
    body = json.dumps({"events": _fields(_BATCH)})
    script = context.work_dir / "events.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.path = '/v1/events'\nwrk.body = [[{body}]]\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    seconds = max(1, round(_SECONDS * context.scale))
    return _BATCH * wrk(url, script, _CONNECTIONS, seconds).rate


def _send_rate(producer: EventProducer, records: Sequence[tuple[bytes, bytes]]) -> float:
    failures: list[Exception | None] = []
    started = time.monotonic()
    for key, value in records:
        producer.send(
            INTERACTIONS.name,
            key,
            value,
            lambda delivery, error: failures.append(error) if delivery is None else None,
        )
    if producer.flush(60) or failures:
        raise SystemExit(f"the producer failed: {list(islice(failures, 3))}")
    return len(records) / (time.monotonic() - started)
