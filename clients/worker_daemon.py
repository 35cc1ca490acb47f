"""The process from which Spark forks its Python workers, with the packages imported that every worker needs.

A worker that is forked from it starts in a moment; one that imports them itself takes 0.7 seconds of a core,
and the live query starts one for each partition. What starts threads as it is imported (pyarrow, pandas) is
left to the workers: threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable

from pyspark import daemon

Worker = Callable[[socket.socket, bool], int]

PRELOADED = ("pyspark.worker", "numpy", "redis", "kafka", "contracts.settings", "contracts.events")


_GONE = 1  # any code but 0: the daemon ends the worker


def main() -> None:
    """Import, then serve as pyspark's own daemon does."""
    for name in PRELOADED:
        importlib.import_module(name)
    daemon.worker = ending_with_its_connection(daemon.worker)  # type: ignore[assignment]
    daemon.manager()


def ending_with_its_connection(worker: Worker) -> Worker:
    """The same worker, except that it ends silently when Spark closes its connection to stop a task.

    Otherwise the daemon of pyspark prints a stack trace. An error in our own functions is not concerned: the
    worker reports it to Spark.
    """

    def work(connection: socket.socket, authenticated: bool) -> int:
        try:
            return worker(connection, authenticated)
        except EOFError:
            return _GONE

    return work


if __name__ == "__main__":
    main()
