"""Exposures say which items were shown to whom. They go to the topic ``exposures`` and the lake's table of
that name.

The API writes one for each list that it gives, in batches: ``{"schema_version": 1, "exposures": [...]}``.
``streaming/records/exposures.py`` has the same bounds as Spark expressions; its test runs the same examples
through both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from contracts.events import EpochMillis, Identifier

SCHEMA_VERSION = 1
MAX_SHOWN_ITEMS = 1000
MAX_ARM_LENGTH = 1024
# Who reports an exposure: the API, which gave the list, or a client, which knows what was on the screen.
# Where both report one recommendation, the client's exposures count, all of them together.
ReportedBy = Literal["answer", "client"]
# The kind of list that was shown.
ListKind = Literal["user", "session", "group", "rank", "because", "popular", "trending", "similar", "other"]
LIST_KINDS: tuple[ListKind, ...] = get_args(ListKind)
Arm = Annotated[str, Field(max_length=MAX_ARM_LENGTH)]


class ShownItem(BaseModel):
    """One item in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    item_id: Identifier
    rank: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]  # in the list, from 1
    source: Annotated[str, Field(max_length=64)] = ""  # the strategy that proposed it
    # How likely the item was to be in the list, where a place was drawn; None where nothing was.
    propensity: Annotated[float, Field(strict=True, gt=0, le=1)] | None = None


class Exposure(BaseModel):
    """One list that was shown. Times are epoch milliseconds UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    recommendation_id: Identifier  # of the answer (contracts/recommendation_id.py)
    kind: ListKind = "other"
    user_id: Identifier | None = None  # None: a session without a user, or a list that is the same for all
    session_id: Identifier | None = None
    items: Annotated[tuple[ShownItem, ...], Field(min_length=1, max_length=MAX_SHOWN_ITEMS)]
    model_version: Annotated[str, Field(max_length=128)] | None = None
    arm: Arm = ""  # of the experiments that the answer was part of; "": of none
    # How fresh the list was: the broker's time up to which the state held every event, and when the history
    # of a folded-in list was read (None for other lists).
    applied_through: EpochMillis | None = None
    history_read_at: EpochMillis | None = None
    reported_by: ReportedBy = "answer"
    event_time: EpochMillis = Field(default_factory=lambda: time.time_ns() // 1_000_000)

    def to_json(self) -> str:
        """One element of a batch."""
        return self.model_dump_json(exclude_none=True)


def batch_of(exposures: Iterable[bytes]) -> bytes:
    """The record's bytes on the topic, from the exposures' JSON."""
    return b'{"schema_version":%d,"exposures":[%b]}' % (SCHEMA_VERSION, b",".join(exposures))


class Loss(NamedTuple):
    """Lists that were shown and are not known to be in the topic, because their API process was killed.

    A field of ``keyspace.LOST_EXPOSURES`` for each process; its value is the two numbers as text.
    """

    lists: int = 0
    found_at: int = 0  # when another process found it, epoch ms; 0 where nothing was lost

    def encode(self) -> str:
        """The field's value."""
        return f"{self.lists} {self.found_at}"


def sum_of_losses(fields: Mapping[bytes, bytes]) -> Loss:
    """What all processes lost, and when the newest was found."""
    found = [Loss(*map(int, value.split())) for value in fields.values()]
    return Loss(sum(loss.lists for loss in found), max((loss.found_at for loss in found), default=0))
