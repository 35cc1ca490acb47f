"""A producer that notes in a file what it sends and what Kafka acknowledges, for `headwater verify`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from clients.event_producer import Delivery, EventProducer, OnDelivery, ProducerError
from contracts.stored.ledgers import acknowledged_line, attempted_line
from contracts.topics import INTERACTIONS

_TAIL_BYTES = 1 << 20


class LedgerError(ProducerError):
    """The ledger cannot be written; the message names the cure."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"the ledger {path} cannot be written ({error.strerror}): name another file, "
            "free some disk, or leave --ledger out"
        )


class LedgerProducer:
    """An EventProducer that wraps another one.

    Each line is written to the file before its event is sent, so that the ledger of a killed process is
    complete. It takes about 300 bytes for each event, and keeps nothing in memory.
    """

    def __init__(self, producer: EventProducer, path: Path, topic: str = INTERACTIONS.name) -> None:
        """Open the file for appending. Raises LedgerError."""
        self._producer, self._path, self._topic = producer, path, topic
        self._failure: OSError | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_end(path)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise LedgerError(path, error) from error

    def send(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery) -> None:
        """See EventProducer. Raises LedgerError as soon as a line could not be written."""
        if topic != self._topic:
            self._producer.send(topic, key, value, on_delivery)
            return
        self._write(attempted_line(value))
        if self._failure is not None:
            raise LedgerError(self._path, self._failure)

        def report(delivery: Delivery | None, error: Exception | None) -> None:
            if delivery is not None:
                self._write(acknowledged_line(value, delivery.partition, delivery.offset))
            on_delivery(delivery, error)

        self._producer.send(topic, key, value, report)

    def _write(self, line: bytes) -> None:
        # One write for each line, so that the lines of two threads do not mix.
        if self._failure is not None:
            return
        try:
            if self._file.write(line) != len(line):
                self._failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except ValueError:
            return  # closed; this report came after the producer's close
        except OSError as error:
            self._failure = error

    def flush(self, timeout: float) -> int:
        """See EventProducer."""
        return self._producer.flush(timeout)

    def close(self) -> None:
        """See EventProducer; the file is closed after the last report."""
        self._producer.close()
        self._file.close()


def _cut_torn_end(path: Path) -> None:
    """Remove an incomplete last line, which a full disk may have left, so that the next line is readable."""
    if not path.is_file():  # it does not exist yet, or is a pipe
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _TAIL_BYTES)
        file.seek(start)
        file.truncate(start + file.read().rfind(b"\n") + 1)
