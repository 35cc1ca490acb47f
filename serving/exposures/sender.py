"""``python -m serving.exposures.sender COUNT SECONDS``: sends what one API process shows, as long as it runs.

Lists come as lines by the standard input, and go to the topic ``exposures`` a few times a second, many in a
record. The end of the input is the end of the API, stopped or killed: the rest is sent in bounded time then.
COUNT is the descriptor of the API's count, SECONDS how long Kafka may take to acknowledge.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from clients.json_logs import log_json_lines
from contracts.exposures import batch_of
from contracts.settings import KafkaSettings
from contracts.topics import EXPOSURES
from serving.exposures.count import ExposureCount
from serving.exposures.text import exposure_in
from serving.writes.event_log import EventLog, EventLogError

_log = logging.getLogger(__name__)
SEND_SECONDS = 0.1
LAST_SECONDS = 2.0  # to send what still waits when the API has ended
_BYTES_A_RECORD = 950_000  # below topics.MAX_EVENT_BYTES
_READ_BYTES = 256 * 1024
_NICENESS = 5  # answers come first


class ExposureBatch:
    """One record of the topic."""

    key = b"exposures"

    def __init__(self, exposures: Sequence[bytes]) -> None:
        self._exposures = exposures

    def to_json(self) -> bytes:
        """The record's value."""
        return batch_of(self._exposures)


class ExposureSender:
    """Sends lists, and counts what becomes of each."""

    def __init__(self, event_log: EventLog, count: ExposureCount) -> None:
        self._event_log, self._count = event_log, count
        self._waiting: deque[bytes] = deque()  # the API bounds it
        self._is_dropping = False
        self._sending: asyncio.Task[None] | None = None
        self._is_ending = False

    async def read(self, lines: asyncio.StreamReader) -> None:
        """Take lists until the input ends. A last line that is cut off is lost with its API."""
        rest = b""
        with suppress(ConnectionError):
            while data := await lines.read(_READ_BYTES):
                *whole, rest = (rest + data).split(b"\n")
                self._waiting.extend(map(exposure_in, whole))

    async def run(self) -> None:
        """Send what waits, until cancelled; a batch that is on its way then is awaited by `close`."""
        while True:
            await asyncio.sleep(SEND_SECONDS)
            self._sending = asyncio.create_task(self.send())
            await asyncio.shield(self._sending)

    async def send(self) -> None:
        """Send what waits now. What comes meanwhile waits for the next time: few large records cost least."""
        left = len(self._waiting)
        while left > 0 and (batch := self._take_batch()):
            left -= len(batch)
            try:
                await self._event_log.append([ExposureBatch(batch)], EXPOSURES)
            except EventLogError as error:
                if not self._is_ending:
                    self._count.drop(len(batch))
                if not self._is_dropping:  # logged once, until Kafka takes records again
                    _log.warning("what is shown is dropped from now on: %s", error)
                self._is_dropping = True
            else:
                self._is_dropping = False
                self._count.settle(len(batch))

    async def close(self) -> None:
        """Send what waits, in bounded time. Lists that are left are never settled, so they count as lost."""
        self._is_ending = True
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._send_last(), LAST_SECONDS)

    async def _send_last(self) -> None:
        if self._sending is not None:
            await self._sending
        await self.send()

    def _take_batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        while self._waiting:
            size += len(self._waiting[0]) + 1
            if batch and size > _BYTES_A_RECORD:
                break
            batch.append(self._waiting.popleft())
        return batch


async def _send_until_the_api_ends(count: ExposureCount, seconds: float) -> None:
    lines = asyncio.StreamReader()
    with open(0, "rb", closefd=False) as given:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), given)
        sender = ExposureSender(EventLog(KafkaSettings(), seconds), count)
        sending, reading = asyncio.create_task(sender.run()), asyncio.create_task(sender.read(lines))
        await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending  # an error in it ends this process, and the API starts another one
        await sender.close()
        reading.result()  # likewise


def main() -> None:
    """Send until the input ends."""
    for ending in (signal.SIGINT, signal.SIGTERM):  # they come to the API as well, whose end is this one's
        signal.signal(ending, signal.SIG_IGN)
    os.nice(_NICENESS)
    log_json_lines()
    asyncio.run(_send_until_the_api_ends(ExposureCount.of_api(int(sys.argv[1])), float(sys.argv[2])))
    logging.shutdown()
    os._exit(0)  # at once: whatever Kafka's client still tries, nobody would count it


if __name__ == "__main__":
    main()
