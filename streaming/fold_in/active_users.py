"""Folds in a batch's users within a time budget, the most recently active first; the others wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from contracts.settings import StreamingSettings
from streaming.fold_in.lists import fold_in_users, queue_users
from streaming.state.apply import UserEvent
from streaming.state.client import StateClient


class ActiveUsers:
    """The users of a batch, in the order of their last interaction."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.events = 0

    def add(self, events: Iterable[UserEvent]) -> None:
        """Add the users of further interactions."""
        for event in events:
            self.ids.pop(event.user_id, None)  # a user who is active again goes to the end
            self.ids[event.user_id] = None
            self.events += 1


def fold_in_active(
    client: StateClient,
    users: ActiveUsers,
    offsets: Mapping[int, int],
    settings: StreamingSettings,
) -> None:
    """Fold the users in within the budget. The others wait, and so do all users of a large batch (a replay).

    ``offsets`` (partition -> next offset) are those that the histories certainly contain.
    """
    left = list(users.ids)
    if users.events <= settings.fold_in_max_events:
        deadline = time.monotonic() + settings.fold_in_budget_seconds
        # The most recently active first: they are last in the log.
        left = fold_in_users(client, left[::-1], offsets, settings, deadline)
    if left:
        queue_users(client, left, settings)
