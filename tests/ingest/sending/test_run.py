"""Whole runs against a real broker."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from clients.event_producer import BrokerUnavailableError
from clients.ledger import LedgerError
from clients.topic_admin import end_offsets, partitions_of, quiet_consumer
from contracts.catalog import CatalogEntry
from contracts.events import Interaction
from contracts.settings import KafkaSettings
from contracts.stored.ingest_progress import IngestProgress
from contracts.topics import CATALOG, INTERACTIONS
from ingest.meaning.options import ReadingOptions
from ingest.sending.pace import at_rate
from ingest.sending.replay_mark import ReplayedMark
from ingest.sending.run import Ingest, stopping
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.sources.recognise import open_source

Written = Callable[..., Path]


def _run(source: object, broker: str, **options: object) -> Ingest:
    settings = KafkaSettings(kafka_bootstrap_servers=broker)
    return Ingest(source, settings, Console(file=io.StringIO()), **options)  # type: ignore[arg-type]


def _newest(broker: str, topic: str, since: dict[int, int]) -> Iterator[bytes]:
    with quiet_consumer(broker, 10) as consumer:
        partitions = partitions_of(consumer, topic)
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, since.get(partition.partition, 0))
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(p) < end for p, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                yield from (record.value for record in records)


def test_a_run_sends_the_catalogue_and_the_events_in_the_order_of_their_times(
    broker: str, write_file: Written, tmp_path: Path
) -> None:
    write_file("movies.csv", "movieId,title,genres\n31,Heat,Crime\n")
    lines = [f"u,{n},3.0,{1_500_000_000 + (n * 37) % 101}" for n in range(101)]
    path = write_file("ratings.csv", "\n".join(["userId,movieId,rating,timestamp", *lines, "broken"]))
    before = {topic: end_offsets(broker, topic) for topic in (INTERACTIONS.name, CATALOG.name)}
    progress = tmp_path / "progress.json"

    final = _run(open_source(path, ReadingOptions()), broker, progress_file=progress).run()

    assert {
        name: asdict(final)[name] for name in ("sent", "acknowledged", "failed", "rejected_lines", "done")
    } == {
        "sent": 101,
        "acknowledged": 101,
        "failed": 0,
        "rejected_lines": 1,
        "done": True,
    }
    assert IngestProgress.decode(progress.read_text()) == final
    events = [
        Interaction.model_validate_json(value)
        for value in _newest(broker, INTERACTIONS.name, before[INTERACTIONS.name])
    ]
    assert len(events) == 101
    times = [event.event_time for event in events]  # one user, so one partition, so the order of sending
    assert times == sorted(times)
    (entry,) = _newest(broker, CATALOG.name, before[CATALOG.name])
    assert CatalogEntry.model_validate_json(entry).title == "Heat"


def test_a_second_run_sends_the_same_bytes(broker: str, write_file: Written) -> None:
    path = write_file("x.csv", "user_id,item_id,value\n" + "".join(f"{n},i,3\n" for n in range(50)))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    runs = []
    for _ in range(2):
        before = end_offsets(broker, INTERACTIONS.name)
        _run(open_source(path, ReadingOptions()), broker).run()
        runs.append(sorted(_newest(broker, INTERACTIONS.name, before)))
    assert runs[0] == runs[1]


def test_a_limit_counts_history_and_live_traffic_together(broker: str) -> None:
    world = SyntheticWorld(WorldSize(users=5, items=20, ratings=30))
    final = _run(world, broker, live=world.live(), live_schedule=at_rate(200), limit=40).run()
    assert final.sent == final.acknowledged == 40
    assert final.catalog_acknowledged == 25


def test_a_source_that_was_replayed_completely_is_not_sent_again_but_its_live_traffic_continues(
    broker: str, tmp_path: Path
) -> None:
    world = SyntheticWorld(WorldSize(users=5, items=20, ratings=30))
    mark = ReplayedMark(tmp_path / "replayed", "world")
    assert _run(world, broker, replayed=mark).run().acknowledged == 30
    assert mark.is_there()
    again = _run(world, broker, replayed=mark, live=world.live(), live_schedule=at_rate(1000), limit=7)
    final = again.run()
    assert (final.acknowledged, final.catalog_sent) == (7, 0)


def test_an_interrupted_replay_begins_again(broker: str, tmp_path: Path) -> None:
    mark = ReplayedMark(tmp_path / "replayed", "world")
    _run(SyntheticWorld(WorldSize(users=5, items=20, ratings=30)), broker, replayed=mark, limit=10).run()
    assert not mark.is_there()


def test_a_stopped_run_sends_what_it_has_and_counts_it(broker: str) -> None:
    world = SyntheticWorld(WorldSize(users=5, items=20, ratings=0))
    run = _run(world, broker, live=world.live(), live_schedule=at_rate(50))
    threading.Timer(1.0, run.stop.set).start()
    final = run.run()
    assert final.done
    assert 0 < final.sent == final.acknowledged


def test_the_ledger_holds_each_attempt_and_the_place_of_each_acknowledgement(
    broker: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    before = end_offsets(broker, INTERACTIONS.name)
    world = SyntheticWorld(WorldSize(users=5, items=20, ratings=30))
    assert _run(world, broker, ledger=ledger).run().acknowledged == 30
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    acknowledged = {(line["partition"], line["offset"]): line for line in lines if "offset" in line}
    events = [Interaction.model_validate_json(value) for value in _newest(broker, INTERACTIONS.name, before)]
    assert len(acknowledged) == len(events) == len(lines) / 2 == 30
    assert {line["event_id"] for line in acknowledged.values()} == {event.event_id for event in events}
    ends = end_offsets(broker, INTERACTIONS.name)
    assert set(acknowledged) == {(p, o) for p, end in ends.items() for o in range(before.get(p, 0), end)}


def test_a_ledger_that_cannot_be_written_is_an_error_before_anything_is_sent(
    broker: str, tmp_path: Path
) -> None:
    before = end_offsets(broker, INTERACTIONS.name)
    with pytest.raises(LedgerError):
        _run(SyntheticWorld(WorldSize(ratings=30)), broker, ledger=tmp_path).run()
    assert end_offsets(broker, INTERACTIONS.name) == before


def test_without_a_broker_the_run_fails_and_the_progress_file_says_nothing_was_sent(tmp_path: Path) -> None:
    progress = tmp_path / "progress.json"
    world = SyntheticWorld(WorldSize())
    run = _run(world, "127.0.0.1:9", progress_file=progress, connect_timeout_seconds=0.3)
    with pytest.raises(BrokerUnavailableError):
        run.run()
    assert json.loads(progress.read_text())["sent"] == 0


def test_signals_are_not_handled_outside_the_main_thread() -> None:
    done = threading.Event()

    def use() -> None:
        with stopping(threading.Event(), None):  # type: ignore[arg-type]
            done.set()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert done.is_set()
