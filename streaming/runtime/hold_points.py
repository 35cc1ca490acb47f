"""Named points at which a fault test makes the service wait, in order to kill it exactly there.

They do nothing unless HEADWATER_HOLD_AT names some, as NAME=FILE,NAME=FILE. The process that reaches such a
point creates the file and waits until it is deleted, in workers as in the driver. Where FILE.passed exists,
it goes on.
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


def pass_file(mark: Path) -> Path:
    """The file that lets all processes go on from a point and pass it from then on."""
    return mark.with_name(f"{mark.name}.passed")


def hold(point: str) -> None:
    """If this point is named, create its file and wait until it is deleted, or may be passed."""
    wanted = dict(each.partition("=")[::2] for each in os.environ.get(VARIABLE, "").split(","))
    if point not in wanted:
        return
    mark = Path(wanted[point])
    mark.touch()
    while mark.exists() and not pass_file(mark).exists():
        time.sleep(_POLL_SECONDS)
