"""The process from which Spark forks its Python workers. It imports the packages that every worker needs.

A worker forked from it starts at once; one that imports them itself needs 0.7 seconds of a core, and the live
query starts one worker for each partition. Packages that start threads on import (pyarrow, pandas) are
imported by the workers, because threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable

from pyspark import daemon

Worker = Callable[[socket.socket, bool], int]

PRELOADED = ("pyspark.worker", "numpy", "redis", "kafka", "contracts.settings", "contracts.events")


_GONE = 1  # an exit code other than 0, on which the daemon ends the worker


def main() -> None:
    """Import the packages, then serve like pyspark's daemon."""
    for name in PRELOADED:
        importlib.import_module(name)
    daemon.worker = ending_with_its_connection(daemon.worker)  # type: ignore[assignment]
    daemon.manager()


def ending_with_its_connection(worker: Worker) -> Worker:
    """The same worker, except that it ends silently when Spark closes its connection to stop a task.

    Otherwise pyspark's daemon would print a stack trace. Errors in our own functions are still reported to
    Spark.
    """

    def work(connection: socket.socket, authenticated: bool) -> int:
        try:
            return worker(connection, authenticated)
        except EOFError:
            return _GONE

    return work


if __name__ == "__main__":
    main()
