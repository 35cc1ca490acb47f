"""Gorse's own Python client against a running API: each call that has a route here, and those that have none.

In an environment of its own, where PyGorse is installed: python pygorse_calls.py URL KEY USER ITEM
The API runs with GORSE_ROUTES=true; it has a list for USER, and ITEM has a neighbour.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from gorse import Gorse, GorseException  # type: ignore[import-not-found]

NOT_THERE = (404, 405)
FEEDBACK = {"FeedbackType": "star", "UserId": "bob", "ItemId": "vue", "Timestamp": "2022-02-24T00:00:00Z"}


def say(line: str) -> None:
    """One line about a call."""
    sys.stdout.write(f"{line}\n")


def main(url: str, key: str, user: str, item: str) -> int:
    """Make the calls; 1 where one fails that should not, or the reverse."""
    client = Gorse(url, key, timeout=20)
    calls: dict[str, Callable[[], Any]] = {
        "insert_feedback": lambda: client.insert_feedback("read", "bob", "vue", "2022-02-24T00:00:00Z"),
        "insert_feedbacks": lambda: client.insert_feedbacks([FEEDBACK]),
        "list_feedbacks": lambda: client.list_feedbacks("rating", user),
        "get_recommend": lambda: [score.to_dict() for score in client.get_recommend(user, n=3)],
        "delete_feedback": lambda: client.delete_feedback(user, item),
        "get_neighbors": lambda: client.get_neighbors(item, n=2),
        "insert_item": lambda: client.insert_item({"ItemId": "vue", "Labels": ["js"], "Comment": "Vue"}),
        "get_item": lambda: client.get_item(item),
        "update_item": lambda: client.update_item(item, comment="A title"),
        "delete_item": lambda: client.delete_item(item),
        "insert_user": lambda: client.insert_user({"UserId": "bob", "Labels": ["engineer"]}),
        "insert_users": lambda: client.insert_users([{"UserId": "bob"}, {"UserId": "eve"}]),
        "delete_user": lambda: client.delete_user("eve"),
    }
    absent: dict[str, Callable[[], Any]] = {
        "session_recommend": lambda: client.session_recommend([FEEDBACK]),
        "get_feedbacks": lambda: client.get_feedbacks(1),
        "get_items": lambda: client.get_items(1),
        "get_users": lambda: client.get_users(1),
    }
    faults = 0
    for name, call in calls.items():
        try:
            say(f"{name}: {json.dumps(call())}")
        except (GorseException, ValueError, KeyError, TypeError) as error:
            faults += 1
            say(f"{name} FAILED: {error!r} {vars(error)}")
    for name, call in absent.items():
        try:
            say(f"{name} SHOULD NOT BE THERE: {call()}")
            faults += 1
        except GorseException as error:
            faults += error.status_code not in NOT_THERE
            say(f"{name}: {error.status_code}, not there")
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
