"""Named moments at which a fault test lets the service stand still, to kill it just there.

Inert unless HEADWATER_HOLD_AT names one or several, as NAME=FILE,NAME=FILE: the point's file is made, and
nothing goes on while it is there. Workers hold as the driver does; who set the variable kills them all.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

LAKE_COMMITTED = "lake-committed"  # Delta has the batch; its dead letters and Spark's own commit are to come
LISTS_WRITTEN = "lists-written"  # fresh lists of a batch's first users; the rest and the offsets are to come
STATE_WRITTEN = "state-written"  # Redis has the batch; its applied offsets are to come
HOLD_POINTS = (LAKE_COMMITTED, LISTS_WRITTEN, STATE_WRITTEN)

VARIABLE = "HEADWATER_HOLD_AT"
_POLL_SECONDS = 1.0


def hold(point: str) -> None:
    """Make the file and stand still until it is removed, if this point is named."""
    wanted = dict(each.partition("=")[::2] for each in os.environ.get(VARIABLE, "").split(","))
    if point not in wanted:
        return
    mark = Path(wanted[point])
    mark.touch()
    while mark.exists():
        time.sleep(_POLL_SECONDS)
