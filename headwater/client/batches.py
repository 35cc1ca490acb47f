"""Events in batches: `put` fills a bounded queue, and a thread sends what is in it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from headwater.client.answers import Accepted, RejectedEvent
from headwater.client.calls import MOST_EVENTS
from headwater.client.event import Event
from headwater.client.problem import ProblemError, UnreachableError

Send = Callable[[Sequence[Event]], Accepted]
Refused = Callable[[Event, str], None]


class LostEventsError(Exception):
    """Some events did not reach Kafka. ``events`` holds them; send them again with the same ids."""

    def __init__(self, events: Sequence[Event], reason: str) -> None:
        super().__init__(f"{len(events):,} events were not acknowledged: {reason}")
        self.events = tuple(events)


class EventBatches:
    """``put`` returns at once while the queue has room, and waits for room where the API is slower.

    ``send`` is `Client.send_events`. A batch goes out when it has ``size`` events, or ``seconds`` after its
    first one. ``refused`` is called for each event that the API refuses. `close` sends what is left and
    raises LostEventsError for the events that were not acknowledged.
    """

    def __init__(
        self,
        send: Send,
        refused: Refused | None = None,
        size: int = 500,
        seconds: float = 0.2,
        room: int = 5_000,
    ) -> None:
        if not 1 <= size <= MOST_EVENTS:
            raise ValueError(f"a batch has 1 to {MOST_EVENTS:,} events, not {size:,}")
        self._send = send
        self._refused = refused
        self._size, self._seconds = size, seconds
        self._queue: queue.Queue[Event | None] = queue.Queue(room)
        self._lost: list[Event] = []
        self._reason = ""
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="headwater events", daemon=True)
        self._thread.start()

    def __enter__(self) -> EventBatches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def put(self, event: Event, timeout: float | None = None) -> None:
        """Queue an event. Raises TimeoutError where there was no room for ``timeout`` seconds."""
        if self._is_closed:
            raise ValueError("the batches are closed: no event can be added")
        try:
            self._queue.put(event, timeout=timeout)
        except queue.Full:
            raise TimeoutError(
                f"no room for an event within {timeout} seconds: the API is too slow"
            ) from None

    def close(self) -> None:
        """Send the rest. Raises LostEventsError."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._thread.join()
        if self._lost:
            lost, self._lost = self._lost, []
            raise LostEventsError(lost, self._reason)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._next_batch()
            if batch:
                self._send_batch(batch)

    def _next_batch(self) -> tuple[list[Event], bool]:
        """The next batch, and whether it is the last one."""
        first = self._queue.get()
        if first is None:
            return [], True
        batch, ends = [first], time.monotonic() + self._seconds
        while len(batch) < self._size:
            try:
                event = self._queue.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                return batch, False
            if event is None:
                return batch, True
            batch.append(event)
        return batch, False

    def _send_batch(self, batch: list[Event]) -> None:
        try:
            rejected = self._send(batch).rejected
        except ProblemError as error:
            if not error.body.get("rejected"):
                self._lose(batch, error)
                return
            # No event of the batch was acceptable; the answer says why for each.
            rejected = tuple(RejectedEvent.model_validate(each) for each in error.body["rejected"])
        except UnreachableError as error:
            self._lose(batch, error)
            return
        if self._refused is not None:
            for each in rejected:
                self._refused(batch[each.index], each.reason)

    def _lose(self, batch: list[Event], error: Exception) -> None:
        self._lost += batch
        self._reason = str(error)
