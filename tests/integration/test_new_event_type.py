from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from contracts.settings import StateSettings
from contracts.stored import keyspace
from contracts.stored.records import HistoryEntry, Popularity
from streaming.state.apply import UserEvent, apply_events
from streaming.state.client import connect
from tests.integration import new_event_type_job

_LIKE_ID = "00000000-0000-4000-8000-000000000001"


def test_a_new_event_type_needs_only_one_more_row_in_the_contract(redis_url: str) -> None:
    client = connect(redis_url)
    # A state from before the new type: its records are shorter by one count.
    like = UserEvent("ann", "x", HistoryEntry("like", 1000, _LIKE_ID, 1.0))
    apply_events(client, [like], StateSettings())
    before = client.hget(keyspace.popularity_shard(0), "x")
    assert isinstance(before, bytes)

    done = subprocess.run(
        [sys.executable, "-m", new_event_type_job.__name__, redis_url],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "history": [["like", 1.0], ["share", 1.0]],
        "known to bob": 0,
        "retracted by bob": ["retract", "share"],
        "counts": {"view": 0, "click": 0, "like": 1, "rating": 0, "purchase": 0, "dislike": 0, "share": 1},
        "users": 1,
        "popular": 7.0,
        "trend": True,
        "strength": 7.0,
        "strength in numpy": [7.0],
    }
    after = client.hget(keyspace.popularity_shard(0), "x")
    assert isinstance(after, bytes)
    assert len(after) == len(before) + 4
    assert Popularity.decode(before).users == 1
