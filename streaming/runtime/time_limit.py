"""Ends the process if it was asked to end and takes too long, before its supervisor kills it.

The parts of an orderly end have limits of their own, but together they may take longer. Nothing is lost by an
end at any moment: what was not finished is repeated at the next start.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from pyspark import SparkContext

log = logging.getLogger("headwater.streaming")
SECONDS = 12.0  # `headwater up` waits for 15 seconds, compose for a minute


def end_in_time(seconds: float = SECONDS) -> None:
    """End the process and Spark after these seconds with exit code 0, if the process still runs then."""
    timer = threading.Timer(seconds, _end, (seconds,))
    timer.daemon = True
    timer.start()


def _end(seconds: float) -> None:
    log.warning(
        "not all parts ended within %g s: ended without them, the next start repeats the rest", seconds
    )
    logging.disable()  # other threads would report that Spark is gone
    gateway: Any = SparkContext._gateway
    if gateway is not None:
        gateway.proc.kill()
    os._exit(0)
