from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from headwater.client import Accepted, Event, EventBatches, LostEventsError, ProblemError, UnreachableError
from headwater.client.answers import RejectedEvent


def _event(number: int) -> Event:
    return Event("view", "ann", number)


def _accepts(sent: list[list[object]]) -> object:
    def send(events: Sequence[Event]) -> Accepted:
        sent.append([event.item_id for event in events])
        return Accepted(accepted=len(events), rejected=(), token="t")

    return send


def test_every_event_goes_out_once_and_in_order() -> None:
    sent: list[list[object]] = []
    with EventBatches(_accepts(sent), size=7, seconds=60) as batches:  # type: ignore[arg-type]
        for number in range(100):
            batches.put(_event(number))
    assert [item for batch in sent for item in batch] == list(range(100))
    assert max(map(len, sent)) == 7


def test_a_sender_waits_while_the_api_is_slower() -> None:
    gate, taken = threading.Event(), threading.Event()

    def send(events: Sequence[Event]) -> Accepted:
        taken.set()
        gate.wait(20)
        return Accepted(accepted=len(events), rejected=(), token="t")

    batches = EventBatches(send, size=1, room=2)
    batches.put(_event(0))
    assert taken.wait(20)  # one is being sent, two are waiting
    batches.put(_event(1))
    batches.put(_event(2))
    with pytest.raises(TimeoutError, match="no room for an event"):
        batches.put(_event(3), timeout=0.05)
    gate.set()
    batches.close()
    with pytest.raises(ValueError, match="closed"):
        batches.put(_event(0))


def test_the_client_reports_each_refused_event_with_the_reason() -> None:
    def send(events: Sequence[Event]) -> Accepted:
        if len(events) == 1:
            raise ProblemError(422, "", "", {"rejected": [{"index": 0, "reason": "no good"}]})
        return Accepted(
            accepted=len(events) - 1, rejected=(RejectedEvent(index=1, reason="value"),), token="t"
        )

    told: list[tuple[object, str]] = []
    with EventBatches(
        send, refused=lambda event, reason: told.append((event.item_id, reason)), size=2, seconds=60
    ) as batches:
        for number in range(3):
            batches.put(_event(number))
    assert told == [(1, "value"), (2, "no good")]


@pytest.mark.parametrize("error", [UnreachableError("nobody there"), ProblemError(503, "", "later", {})])
def test_closing_returns_the_events_that_were_lost_with_their_ids(error: Exception) -> None:
    def send(events: Sequence[Event]) -> Accepted:
        raise error

    batches = EventBatches(send, size=2)
    events = [_event(number) for number in range(3)]
    for event in events:
        batches.put(event)
    with pytest.raises(LostEventsError, match=r"3 events were not acknowledged") as lost:
        batches.close()
    assert list(lost.value.events) == events
    batches.close()  # the error is raised only once


def test_a_batch_never_exceeds_the_limit_of_a_request() -> None:
    with pytest.raises(ValueError, match="1 to 1,000 events"):
        EventBatches(_accepts([]), size=1_001)  # type: ignore[arg-type]
