"""Which shown items users acted on: by the recommendation that an event names, else by time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.observations.ids import codes

Ints = NDArray[np.int64]


def clicked_places(
    exposures: pa.Table,
    unit: Ints,
    shown: Ints,
    items: pa.Array,
    events: pa.Table,
    event_unit: Ints,
    window_ms: int,
) -> Ints:
    """The shown items (rows of ``items``) that an event followed, each once, in ascending order.

    ``items`` are the shown items, ``shown`` the exposure of each, ``unit`` the unit of each exposure. An
    event that names a recommendation counts for that one alone. Any other event counts for the newest
    exposure of the same item to the same unit, if that was at most ``window_ms`` earlier.
    """
    item_ids = pc.unique(items)
    item = codes(items, item_ids)
    event_item = codes(events["item_id"], item_ids)
    recommendations = pc.unique(exposures["recommendation_id"])
    recommendation = codes(exposures["recommendation_id"], recommendations)[shown]
    named = np.asarray(pc.is_valid(events["recommendation_id"]).to_numpy(), dtype=bool)
    event_recommendation = codes(events["recommendation_id"], recommendations)

    times = np.asarray(exposures["event_time"].to_numpy(), dtype=np.int64)[shown]
    event_times = np.asarray(events["event_time"].to_numpy(), dtype=np.int64)
    n_items = max(len(item_ids), 1)
    exact = named & (event_recommendation >= 0) & (event_item >= 0)
    # Only an answer gives out its id, so such an event is later, whatever the client's clock says of it or of
    # what it reported. The unit must match: an event that names another user's recommendation counts for
    # nothing.
    by_id = _newest_match(
        recommendation * n_items + item,
        times,
        (event_recommendation * n_items + event_item)[exact],
        np.full(int(exact.sum()), times.max(initial=0)),
        None,
    )
    owner = unit[shown]
    found = by_id >= 0
    by_id = by_id[found][owner[by_id[found]] == event_unit[exact][found]]
    timed = ~named & (event_item >= 0)
    by_time = _newest_match(
        owner * n_items + item,
        times,
        (event_unit * n_items + event_item)[timed],
        event_times[timed],
        window_ms,
    )
    return np.unique(np.concatenate([by_id, by_time[by_time >= 0]]))


class NamedAnswers(NamedTuple):
    """How many events name an answer, and how many of them one that was not shown to their user."""

    events: int
    not_shown: int


def named_answers(exposures: pa.Table, events: pa.Table) -> NamedAnswers:
    """The counts of these events; an answer for no user was shown to everybody."""
    named = events.filter(pc.is_valid(events["recommendation_id"]))
    answers, users = pc.unique(exposures["recommendation_id"]), pc.unique(exposures["user_id"])
    shown_to = np.full(len(answers) + 1, -1)
    shown_to[codes(exposures["recommendation_id"], answers)] = codes(exposures["user_id"], users)
    answer = codes(named["recommendation_id"], answers)
    user = shown_to[answer]
    fits = (answer >= 0) & ((user < 0) | (user == codes(named["user_id"], users)))
    return NamedAnswers(named.num_rows, int((~fits).sum()))


def _newest_match(
    keys: Ints, times: Ints, event_keys: Ints, event_times: Ints, window_ms: int | None
) -> Ints:
    """For each event, the newest row with the same key that is not later; -1 where the window has none."""
    if not len(keys):
        return np.full(len(event_keys), -1, dtype=np.int64)
    ranks, rank = np.unique(keys, return_inverse=True)
    start = int(times.min())
    span = int(max(times.max(), event_times.max() if len(event_times) else start)) - start + 2
    order = np.lexsort((times, rank))
    sorted_rows = rank[order] * span + (times[order] - start)
    event_rank = np.searchsorted(ranks, event_keys).clip(max=len(ranks) - 1)
    wanted = event_rank * span + (event_times - start)
    at = np.searchsorted(sorted_rows, wanted, side="right") - 1
    place = order[at.clip(min=0)]
    found = (at >= 0) & (keys[place] == event_keys) & (event_times >= times[place])
    if window_ms is not None:
        found &= event_times - times[place] <= window_ms
    return np.where(found, place, -1)
