"""Chooses the user of the story, and the items that this user rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from clients.storage.lake_tables import open_table
from contracts.stored.lake import INTERACTIONS

NEW_RATINGS = 3
_ENOUGH_HISTORY = 20


def choose_user(lake: Path) -> str | None:
    """The user with the fewest events among those with twenty or more, so that a few new ratings matter.

    Where nobody has twenty, the user with the most events.
    """
    try:
        dataset = open_table(INTERACTIONS, str(lake))
    except TableNotFoundError:
        return None
    counted = pc.value_counts(dataset.to_table(["user_id"]).column(0)).to_pylist()
    users = [(each["counts"], str(each["values"])) for each in counted]
    enough = [user for user in users if user[0] >= _ENOUGH_HISTORY]
    return min(enough)[1] if enough else max(users, default=(0, None))[1]


def choose_favourites(
    listed: Sequence[Mapping[str, Any]], known: set[str], neighbours: Callable[[str], Sequence[str]]
) -> list[str]:
    """The items to rate: the last item of the list, then its neighbours that are neither known nor listed.

    These ratings agree with one another and differ from the head of the list, so the change can be seen.
    """
    if not listed:
        return []
    seed = str(listed[-1]["item_id"])
    shown = known | {str(each["item_id"]) for each in listed}
    return [seed, *[item for item in neighbours(seed) if item not in shown]][:NEW_RATINGS]
