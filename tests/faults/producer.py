"""A producer that remembers the acknowledged events, and writes a ledger for `headwater verify`."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaProducer

from clients.event_producer import Delivery, open_producer
from clients.ledger import LedgerProducer
from contracts import topics
from contracts.events import Interaction
from contracts.settings import KafkaSettings
from contracts.stored.ledgers import acknowledged_line

START_MS = 1_700_000_000_000


class Sent(NamedTuple):
    """An acknowledged event and its place in the topic."""

    event: Interaction
    partition: int
    offset: int


class Producer:
    """Sends random events of a seed, a number of them or at a rate, and remembers the acknowledged ones."""

    def __init__(self, bootstrap: str, seed: int, folder: Path, remembers: bool = True) -> None:
        """Write the ledger into the folder; without ``remembers``, keep no event in memory."""
        self._remembers = remembers
        self._bootstrap = bootstrap
        self.ledger, self.poison_ledger = folder / "sent.jsonl", folder / "poison.jsonl"
        connected = open_producer(KafkaSettings(kafka_bootstrap_servers=bootstrap))
        self._producer = LedgerProducer(connected, self.ledger)
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.sent: list[Sent] = []
        self.poisoned = self.acknowledged = 0
        self.reached: dict[int, int] = {}  # partition -> offset after the newest acknowledged one
        self.failed: list[Exception] = []

    def send(self, count: int, users: int = 40, items: int = 60) -> None:
        """Send this many random events, of few users and items, so that the same ones meet often."""
        for _ in range(count):
            kind = self._random.choices(("rating", "like", "dislike", "view", "retract"), (6, 1, 1, 2, 1))[0]
            event = Interaction(
                event_type=kind,  # type: ignore[arg-type]
                user_id=f"u{self._random.randrange(users)}",
                item_id=f"i{self._random.randrange(items)}",
                value=self._random.randrange(1, 11) / 2 if kind == "rating" else None,
                event_time=START_MS + self._random.randrange(10**9),
            )
            self._send(event)

    def _send(self, event: Interaction) -> None:
        def on_delivery(delivery: Delivery | None, error: Exception | None) -> None:
            if delivery is None:
                self.failed.append(error or RuntimeError("no reason"))
                return
            self.acknowledged += 1
            self.reached[delivery.partition] = max(
                delivery.offset + 1, self.reached.get(delivery.partition, 0)
            )
            if self._remembers:
                self.sent.append(Sent(event, delivery.partition, delivery.offset))

        self._producer.send(topics.INTERACTIONS.name, event.user_id.encode(), event.to_json(), on_delivery)

    def repeat(self, count: int) -> None:
        """Send acknowledged events again, in any order, as a producer does that retries or shuffles."""
        for sent in self._random.choices(self.sent, k=count):
            self._send(sent.event)
        self.flush()

    def poison(self, values: Sequence[bytes | None]) -> None:
        """Send records that must be refused, with any user as the key; None is a tombstone."""
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        with self.ledger.open("ab") as sent, self.poison_ledger.open("ab") as poison:
            for value in values:
                key = b"u%d" % self._random.randrange(40)
                place = producer.send(topics.INTERACTIONS.name, key=key, value=value).get(timeout=60)
                sent.write(acknowledged_line(value or b"", place.partition, place.offset))
                line = {"partition": place.partition, "offset": place.offset}
                poison.write(json.dumps(line).encode() + b"\n")
        producer.close()
        self.poisoned += len(values)

    @property
    def records(self) -> int:
        """The number of this producer's records in the topic."""
        return self.acknowledged + self.poisoned

    def start_traffic(self, per_second: int) -> None:
        """Send events in the background until `stop_traffic`."""

        def run() -> None:
            while not self._stopping.wait(0.1):
                self.send(per_second // 10)

        self._stopping.clear()
        self._thread = threading.Thread(target=run)
        self._thread.start()

    def stop_traffic(self) -> None:
        """Stop the traffic, and wait for every acknowledgement."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def flush(self) -> None:
        """Wait for every acknowledgement."""
        assert self._producer.flush(60) == 0
        assert self.failed == []

    def close(self) -> None:
        """Release the connection."""
        self._stopping.set()
        self._producer.close()
