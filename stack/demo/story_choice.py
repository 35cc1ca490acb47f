"""Whom the story is about and what they rate next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from contracts.stored.lake import INTERACTIONS

NEW_RATINGS = 3
_ENOUGH_HISTORY = 20


def choose_user(lake: Path) -> str | None:
    """The user with the fewest events from twenty on, else with the most: a few new ratings then show."""
    try:
        dataset = DeltaTable(INTERACTIONS.path(str(lake))).to_pyarrow_dataset()
    except TableNotFoundError:
        return None
    counted = pc.value_counts(dataset.to_table(["user_id"]).column(0)).to_pylist()
    users = [(each["counts"], str(each["values"])) for each in counted]
    enough = [user for user in users if user[0] >= _ENOUGH_HISTORY]
    return min(enough)[1] if enough else max(users, default=(0, None))[1]


def choose_favourites(
    listed: Sequence[Mapping[str, Any]], known: set[str], neighbours: Callable[[str], Sequence[str]]
) -> list[str]:
    """What the user rates next: the last item listed, then its neighbours that are neither known nor listed.

    So the new ratings pull together, away from the head of the list, and the change can be seen.
    """
    if not listed:
        return []
    seed = str(listed[-1]["item_id"])
    shown = known | {str(each["item_id"]) for each in listed}
    return [seed, *[item for item in neighbours(seed) if item not in shown]][:NEW_RATINGS]
