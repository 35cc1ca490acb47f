"""The whole dataflow with a real broker, Redis, Delta and both queries; a restart, a rebuild."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from clients.rejected_reader import read_rejected
from clients.storage.lake_tables import kept_since
from contracts import topics
from contracts.catalog import CatalogEntry, erasure_entries
from contracts.events import UNREADABLE_ID
from contracts.exposures import Exposure, ShownItem, batch_of
from contracts.settings import KafkaSettings
from contracts.stored import keyspace, lake
from contracts.stored.records import Popularity, decode_catalog
from serving.writes.erasures import describe_erasure
from serving.writes.receipt import ErasureReceipt
from stack.status.redis_state import RedisState
from stack.verify.derived_state import derived_state
from stack.verify.ledgers import EVENTS, Ledgers, read_erased, read_lake
from stack.verify.state_file import export_state, read_state
from streaming.lake.progress import publish_applied
from streaming.recovery.rebuild import rebuild
from streaming.recovery.rejects import as_line, replay
from streaming.recovery.retention import apply_retention
from streaming.state.keys import clear_state
from streaming.state.retention import move_bound
from tests.integration.flow import Flow, send, wait_until

START_MS = 1_700_000_000_000


def rating(n: int, user: int, item: int, value: float) -> bytes:
    event_id = f"{n:08x}-0000-4000-8000-000000000000"
    event = {"event_id": event_id, "event_type": "rating", "user_id": f"u{user}", "item_id": f"i{item}"}
    return json.dumps({**event, "value": value, "event_time": START_MS + n}).encode()


# What clients write as a recommendation id, as JSON, and what of it is kept.
ODD_NAMES = ['"forged"', "7", "null", '""', '"日本 ="', '"a\\u0000b"', f'"{"x" * 10_000}"', "1e300", "NaN"]
KEPT_NAMES = ["forged", "7", None, None, "日本 =", *[UNREADABLE_ID] * 4]


def naming(event: bytes, answer: str) -> bytes:
    return event[:-1] + f', "recommendation_id": {answer}}}'.encode()


def test_every_event_is_stored_once_and_redis_equals_a_recount_of_the_lake(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap = flow.settings.kafka_bootstrap_servers
    good = [(f"u{n % 20}".encode(), rating(n, n % 20, n % 37, 0.5 + n % 10 / 2)) for n in range(500)]
    named = [(key, naming(value, odd)) for odd, (key, value) in zip(ODD_NAMES, good, strict=False)]
    good[: len(named)] = named
    bad = [
        (b"u1", b"{"),
        (b"u1", b"\xff\xfe"),
        (b"u1", rating(1, 1, 1, 9.0)),
        (b"u1", rating(2, 1, 1, 4.0).replace(b"u1", b"")),
    ]
    entries = [CatalogEntry(kind="item", id=f"i{n}", title=f"Item {n}", updated_at=1) for n in range(40)]
    send(bootstrap, topics.CATALOG.name, [(entry.key, entry.to_json()) for entry in entries])
    send(bootstrap, topics.INTERACTIONS.name, good[:250] + bad)
    send(
        bootstrap,
        topics.EXPOSURES.name,
        [(b"exposures", batch_of([exposure("u7"), exposure("u1")]))],
    )
    monkeypatch.setattr(topics, "LAKE_SOURCES", topics.SOURCES)  # as before there were exposures
    flow.start()
    flow.wait_for(254)
    assert len(flow.lake_rows()) == 250

    # Repeated and out of order, into the same checkpoints after a restart.
    flow.stop()
    monkeypatch.undo()
    send(bootstrap, topics.INTERACTIONS.name, [*reversed(good[200:]), *good[:10]])
    flow.start()
    flow.wait_for(254 + 310)
    rows = flow.lake_rows()
    assert shown_users(flow) == ["u1", "u7"]
    names = {row["event_id"]: row["recommendation_id"] for row in rows}
    assert [names[f"{n:08x}-0000-4000-8000-000000000000"] for n in range(len(KEPT_NAMES))] == KEPT_NAMES
    assert len(rows) == 560
    assert len({(row["kafka_partition"], row["kafka_offset"]) for row in rows}) == 560
    assert len({row["event_id"] for row in rows}) == 500

    recount = recount_popularity(rows)
    raw: Any = flow.client.hgetall(keyspace.POPULARITY)
    served = {item.decode(): Popularity.decode(value) for item, value in raw.items()}
    assert {item: (p.raters, p.rating_sum_micros) for item, p in served.items()} == recount
    scores: Any = flow.client.zrange(keyspace.POPULAR, 0, -1, withscores=True)
    assert {item.decode(): score for item, score in scores} == {
        f"i{n}": recount.get(f"i{n}", (0, 0))[1] / 1_000_000 for n in range(40)
    }
    title: Any = flow.client.hget(keyspace.CATALOG_ITEMS, "i7")
    assert decode_catalog(title)["title"] == "Item 7"

    rejected = {event.source_offset: event for event in read_rejected(bootstrap)}.values()
    assert sorted(event.value for event in rejected) == sorted(value for _, value in bad)
    assert all(event.reason for event in rejected)

    check_rebuild(flow)
    check_replay_of_a_corrected_event(flow, [json.dumps(as_line(event)) for event in rejected])
    check_erasure(flow)
    check_retention(flow, tmp_path / "state")


def exposure(user_id: str) -> bytes:
    items = (ShownItem(item_id="i1", rank=1),)
    exposed = Exposure(recommendation_id="r", user_id=user_id, items=items, event_time=START_MS)
    return exposed.to_json().encode()


def shown_users(flow: Flow) -> list[str]:
    running = flow.pipeline
    assert running is not None

    def is_applied() -> bool:
        publish_applied(running.queries, flow.settings)
        return bool(flow.client.hget(keyspace.APPLIED_LAKE, "exposures:0") == b"1")

    wait_until(is_applied, running, "the exposures are not in the lake")
    table = DeltaTable(lake.EXPOSURES.path(flow.settings.lake_uri)).to_pyarrow_table()
    return sorted(table["user_id"].to_pylist())


def recount_popularity(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["event_time"], row["event_id"], row["value"])):
        last[row["user_id"], row["item_id"]] = row
    items = {item for _, item in last}
    values = {
        item: [round(row["value"] * 1_000_000) for (_, i), row in last.items() if i == item] for item in items
    }
    return {item: (len(ratings), sum(ratings)) for item, ratings in values.items()}


def check_rebuild(flow: Flow) -> None:
    """With the queries running: the same bytes; after a flush: the same bytes again."""
    rebuilt = rebuild(flow.spark, flow.settings)
    assert rebuilt.before == rebuilt.after
    clear_state(flow.client)
    again = rebuild(flow.spark, flow.settings)
    assert again.before != again.after
    assert again.after == rebuilt.after


def check_replay_of_a_corrected_event(flow: Flow, lines: list[str]) -> None:
    corrected = [line.replace('\\"value\\": 9.0', '\\"value\\": 4.0') for line in lines]
    replayed = replay(corrected, KafkaSettings(kafka_bootstrap_servers=flow.settings.kafka_bootstrap_servers))
    assert replayed.acknowledged == 1
    assert len(replayed.faults) == 3
    flow.wait_for(254 + 310 + 1)
    assert len(flow.lake_rows()) == 561


def check_erasure(flow: Flow) -> None:
    """Tombstone, replays and what comes later, in whichever order: the same state, and the lake agrees."""
    bootstrap, until = flow.settings.kafka_bootstrap_servers, START_MS + 100_000
    replayed = [(b"u7", rating(n, 7, n % 37, 5.0)) for n in range(7, 500, 20)]
    tombstone = [(entry.key, entry.to_json()) for entry in erasure_entries("u7", until)]
    send(bootstrap, topics.INTERACTIONS.name, replayed[:10])
    send(bootstrap, topics.CATALOG.name, tombstone)
    flow.wait_for(565 + 10, entries=42)
    send(bootstrap, topics.INTERACTIONS.name, [*replayed, (b"u7", rating(200_000, 7, 3, 1.0))])
    flow.wait_for(565 + 10 + 26, entries=42)

    rows = flow.lake_rows()
    assert [row["item_id"] for row in rows if row["user_id"] == "u7"] == ["i3"]
    assert len({row["event_id"] for row in rows if row["user_id"] != "u7"}) == 500 - 25
    assert shown_users(flow) == ["u1"]
    known: Any = flow.client.hkeys(keyspace.history("u7", flow.settings.redis_shards))
    assert known == [b"i3"]
    raw: Any = flow.client.hgetall(keyspace.POPULARITY)
    served = {item.decode(): Popularity.decode(value) for item, value in raw.items()}
    assert {item: (p.raters, p.rating_sum_micros) for item, p in served.items()} == recount_popularity(rows)
    assert read_erased(flow.settings.lake_uri) == {"u7": until}
    applied: Any = [
        flow.client.hget(key, "catalog:0") for key in (keyspace.APPLIED_ONLINE, keyspace.APPLIED_LAKE)
    ]
    online, in_lake = map(int, applied)
    assert describe_erasure(ErasureReceipt(until, 0, 41), online, in_lake, []).state == "complete"

    rebuilt = rebuild(flow.spark, flow.settings)
    assert rebuilt.before == rebuilt.after


def check_retention(flow: Flow, file: Path) -> None:
    """Older events leave the state and the lake, and later ones of that time count nowhere."""
    bootstrap, bound = flow.settings.kafka_bootstrap_servers, START_MS + 250
    assert not apply_retention(flow.spark, flow.settings)
    move_bound(flow.client, bound)
    assert apply_retention(flow.spark, flow.settings)
    old, new = rating(249, 1, 38, 5.0), rating(300_000, 1, 39, 5.0)
    send(bootstrap, topics.INTERACTIONS.name, [(b"u1", old), (b"u1", new)])
    flow.wait_for(601 + 2, entries=42)
    rows = flow.lake_rows()
    assert min(row["event_time"].timestamp() for row in rows) >= bound / 1000
    assert {row["event_id"] for row in rows if row["user_id"] != "u7"} == {
        json.loads(value)["event_id"]
        for _, value in [
            (b"", new),
            *((b"", rating(n, n % 20, n % 37, 4.0)) for n in range(250, 500) if n % 20 != 7),
        ]
    }
    export_state(RedisState(flow.client), flow.settings, file)
    uri = flow.settings.lake_uri
    ledgers = Ledgers(
        sent=EVENTS.empty_table(),
        lake=read_lake(uri),
        state=read_state(file),
        erased=read_erased(uri),
        kept_since=kept_since(uri),
    )
    assert derived_state(ledgers) == []
    assert ledgers.state is not None
    assert ledgers.state.head.kept_since == ledgers.kept_since == bound
    rebuilt = rebuild(flow.spark, flow.settings)
    assert rebuilt.before == rebuilt.after


def test_a_rebuild_reaches_the_offsets_of_the_online_query_and_after_a_flush_the_end(flow: Flow) -> None:
    bootstrap = flow.settings.kafka_bootstrap_servers
    send(bootstrap, topics.INTERACTIONS.name, [(b"u1", rating(1, 1, 1, 4.0))])
    flow.start()
    flow.wait_for(1)
    flow.stop()
    # Neither query has this checkpoint.
    send(bootstrap, topics.INTERACTIONS.name, [(b"u1", rating(2, 1, 2, 3.0))])
    rebuilt = rebuild(flow.spark, flow.settings)
    assert rebuilt.before == rebuilt.after
    flow.client.flushall()
    rebuild(flow.spark, flow.settings)
    found: Any = [flow.client.hget(keyspace.POPULARITY, item) for item in ("i1", "i2")]
    assert [(Popularity.decode(raw).raters, Popularity.decode(raw).mean) for raw in found] == [
        (1, 4.0),
        (1, 3.0),
    ]
