"""A visitor of the API who likes what is recommended, and holds the API to what its answers promise."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx

from contracts.events import Interaction
from contracts.stored.ledgers import acknowledged_line, attempted_line
from serving.writes.write_token import decode_token
from stack.machine.ports import LOOPBACK, free_port
from stack.processes.process import ServiceProcess
from tests.faults.processes import Service, wait_until
from tests.faults.producer import Producer, Sent

_USERS = 60  # in turn, so that nobody knows all items
_PAUSE_SECONDS = 0.05
_WAIT_MS = 500
_ANSWER_SECONDS = 60.0  # ends a request that would hang


class Visitor:
    """Asks for a list, likes its first item, and asks again with the token of that write."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.promised: list[Sent] = []  # acknowledged
        self.refused: list[Interaction] = []
        self.answers = self.stale = 0
        self.broken: list[str] = []  # promises that did not hold

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present visit."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=_ANSWER_SECONDS) as client:
            for number in count():
                if self._stopping.wait(_PAUSE_SECONDS):
                    return
                try:
                    self._visit(client, f"visitor-{number % _USERS}")
                except Exception as error:  # the scenario says it; the other visits go on
                    self.broken.append(f"visit {number}: {error!r}")

    def _visit(self, client: httpx.Client, user: str) -> None:
        item = self._list(client, user)["items"][0]["item_id"]
        moment = int(time.time() * 1000)
        event = Interaction(event_type="like", user_id=user, item_id=item, event_time=moment)
        json_type = {"content-type": "application/json"}
        answer = client.post("/v1/events", content=event.to_json(), headers=json_type)
        if answer.status_code == 503:
            self.refused.append(event)
            assert "retry-after" in answer.headers, "a refusal that does not say when to try again"
            return
        token = answer.raise_for_status().json()["token"]
        ((partition, offset),) = decode_token(token).items()
        self.promised.append(Sent(event, partition, offset))
        after = self._list(client, user, after=token, wait_ms=_WAIT_MS)
        shown = {each["item_id"] for each in after["items"]}
        if not after["stale"] and item in shown:
            self.broken.append(f"{user} got {item} again in a list that claims to have the like of it")

    def _list(self, client: httpx.Client, user: str, **asked: str | int) -> dict[str, Any]:
        found = client.get(f"/v1/users/{user}/recommendations", params=asked).raise_for_status().json()
        self.answers += 1
        self.stale += found["stale"]
        assert found["items"], f"{user} got an empty list"
        return dict(found)

    def hand_over(self, service: Service, producer: Producer) -> None:
        """Let the producer's recount and ledger have these events too. The visits and the lake are at rest.

        Each promised event must then be in the lake once. Of a refused one nobody knows whether Kafka has it.
        """
        assert self.broken == []
        places = {row["event_id"]: row for row in service.lake_rows()}
        refused = [(event, places[event.event_id]) for event in self.refused if event.event_id in places]
        late = [Sent(event, row["kafka_partition"], row["kafka_offset"]) for event, row in refused]
        producer.sent += [*self.promised, *late]
        with producer.ledger.open("ab") as ledger:
            for event in self.refused:
                ledger.write(attempted_line(event.to_json()))
            for event, partition, offset in self.promised:
                ledger.write(acknowledged_line(event.to_json(), partition, offset))

    def __str__(self) -> str:
        return (
            f"{self.answers:,} lists of the API, {self.stale:,} of them stale and said so; "
            f"{len(self.promised):,} writes kept, {len(self.refused):,} refused"
        )


@contextmanager
def visiting(service: Service) -> Iterator[Visitor]:
    """The API beside the service, with a visitor who is stopped at the end."""
    port = free_port()
    env = {**service.env, "API_PORT": str(port)}
    command = (sys.executable, "-m", "serving")
    api = ServiceProcess.start("api", command, env, service.folder / "logs", service.folder / "run")
    visitor = Visitor(f"http://{LOOPBACK}:{port}")

    def is_ready() -> bool:
        api.check()
        try:
            return httpx.get(f"http://{LOOPBACK}:{port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_ready, "the API answers")
        visitor.start()
        yield visitor
        api.check()
    finally:
        visitor.stop()
        api.stop()
