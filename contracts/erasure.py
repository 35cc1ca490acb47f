"""A request to forget a user, as it travels on the compacted ``erasures`` topic, keyed by the user.

Who reads it (streaming) has to: take the user's interactions out of popularity, trends and co-occurrence as a
retraction of each item would; delete the user's keys; refuse events of the user from before ``requested_at``,
now and on any replay; delete the user's rows from the lake's tables by the lake's own writer; and leave the
user out of the next model. What comes after ``requested_at`` is a new user's.
"""

from __future__ import annotations

import time
import uuid

from pydantic import BaseModel, ConfigDict, Field

from contracts.events import EpochMillis, Identifier


class ErasureRequest(BaseModel):
    """Forget a user; the newest request of each counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Identifier
    receipt: str = Field(default_factory=lambda: str(uuid.uuid4()))
    requested_at: EpochMillis = Field(default_factory=lambda: time.time_ns() // 1_000_000)

    @property
    def key(self) -> bytes:
        """The record's key."""
        return self.user_id.encode()

    def to_json(self) -> bytes:
        """The record's bytes on the ``erasures`` topic."""
        return self.model_dump_json().encode()
