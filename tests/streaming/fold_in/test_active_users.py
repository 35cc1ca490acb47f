from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from contracts.settings import StreamingSettings
from contracts.stored.records import HistoryEntry
from streaming.fold_in import active_users
from streaming.fold_in.active_users import ActiveUsers, fold_in_active
from streaming.state.apply import UserEvent
from streaming.state.client import StateClient

CLIENT = cast(StateClient, None)
LIKE = HistoryEntry("like", 1, "00000000-0000-4000-8000-000000000001", 1.0)


def users_of(*names: str) -> ActiveUsers:
    users = ActiveUsers()
    users.add(UserEvent(name, "x", LIKE) for name in names)
    return users


@pytest.fixture
def queued_users(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    waiting: list[str] = []
    monkeypatch.setattr(active_users, "queue_users", lambda _client, users, _settings: waiting.extend(users))
    return waiting


@pytest.fixture
def folded_users(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Users in the order in which they are folded in; the time is up after two."""
    done: list[str] = []

    def fold_in_users(
        client: StateClient, users: Sequence[str], offsets: Mapping[int, int], *_: object
    ) -> list[str]:
        done.extend(users[:2])
        return list(users[2:])

    monkeypatch.setattr(active_users, "fold_in_users", fold_in_users)
    return done


def test_the_most_recently_active_users_come_first_and_the_others_wait(
    folded_users: list[str], queued_users: list[str]
) -> None:
    fold_in_active(CLIENT, users_of("ann", "bob", "cyd", "ann"), {0: 5}, StreamingSettings())
    assert folded_users == ["ann", "cyd"]
    assert queued_users == ["bob"]


def test_all_users_of_a_large_batch_wait(folded_users: list[str], queued_users: list[str]) -> None:
    settings = StreamingSettings(fold_in_max_events=2)
    fold_in_active(CLIENT, users_of("ann", "bob", "ann"), {0: 5}, settings)
    assert folded_users == []
    assert queued_users == ["bob", "ann"]
