"""Shows rejected events as lines to read and correct, and sends corrected ones back to their topic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from clients.event_producer import Delivery, open_producer
from clients.rejected_reader import RejectedEvent
from contracts import topics
from contracts.events import Interaction
from contracts.settings import KafkaSettings


class Replayed(NamedTuple):
    """The result of a replay: how many events were acknowledged, and "line N: why" for each other one."""

    acknowledged: int
    faults: list[str]


def as_line(event: RejectedEvent) -> dict[str, Any]:
    """One rejected event; ``value`` is its text (bytes that are not UTF-8 are shown escaped)."""
    return {
        "reason": event.reason,
        "source_topic": event.source_topic,
        "source_partition": event.source_partition,
        "source_offset": event.source_offset,
        "value": None if event.value is None else event.value.decode(errors="backslashreplace"),
    }


def read_corrections(lines: Iterable[str]) -> Iterator[tuple[int, Interaction | str]]:
    """For each line its number, and its ``value`` as an event or as text that says what is still wrong."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if _is_of_a_file(json.loads(line)):
                continue  # corrected in its file
            yield number, Interaction.model_validate_json(json.loads(line)["value"])
        except ValidationError as error:
            first = error.errors()[0]
            yield number, f"{'.'.join(map(str, first['loc'])) or 'event'}: {first['msg']}"
        except (ValueError, KeyError, TypeError):
            yield number, 'not a line of `headwater rejects --json`: {"value": "<the event\'s JSON>", ...}'


def _is_of_a_file(found: Any) -> bool:
    return isinstance(found, dict) and "file" in found and "value" not in found


def replay(lines: Iterable[str], settings: KafkaSettings) -> Replayed:
    """Send the corrected events; the others stay in the topic. Raises BrokerUnavailableError."""
    acknowledged: list[int] = []
    faults: list[str] = []
    producer = open_producer(settings)
    try:
        for number, event in read_corrections(lines):
            if isinstance(event, str):
                faults.append(f"line {number}: {event}")
                continue

            def report(delivery: Delivery | None, error: Exception | None, number: int = number) -> None:
                if error is None:
                    acknowledged.append(number)
                else:
                    faults.append(f"line {number}: not delivered: {error}")

            producer.send(topics.INTERACTIONS.name, event.user_id.encode(), event.to_json(), report)
        producer.flush(timeout=60)
    finally:
        producer.close()
    return Replayed(len(acknowledged), faults)
