from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from contracts import keyspace
from serving.batches import Command
from serving.metrics import Metrics
from serving.refresh import Refresher, _epoch
from serving.store import Store, StoreError


class Source:
    """Stands in for the store and the popular list."""

    down = False

    async def refresh(self) -> None:
        if self.down:
            raise StoreError("Redis does not answer")

    async def warm_up(self) -> None: ...

    async def ask(self, command: Command) -> list[bytes]:
        stored = {keyspace.CURRENT_MODEL: b"v1", keyspace.manifest("v1"): b'{"created_at": 60}'}
        return [stored[str(command[1])]]


def test_trouble_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    refresher = Refresher(cast(Store, source), [source], Metrics(), 1.0)
    with caplog.at_level(logging.INFO):
        for down in (False, True, True, True, False, False):
            source.down = down
            asyncio.run(refresher.once())
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "serving model v1",
        "answers are stale: Redis does not answer",
        "Redis answers again",
    ]


@pytest.mark.parametrize(
    ("created_at", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00+00:00", 60.0),
        (60, 60.0),
        (None, None),
        ("soon", None),
    ],
)
def test_a_date_in_any_form_is_an_age(created_at: object, seconds: float | None) -> None:
    assert _epoch(created_at) == seconds
