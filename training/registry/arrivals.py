"""When each user's last event arrived, as the online query knows it: a round makes lists for the same moment.

Hotness goes by arrivals, because a replayed log is old in event time (docs/decisions/0015-two-horizons.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.stored import keyspace
from training.registry.publish import Publisher, connect

_CALL_USERS = 5000
_HOUR_MS = 3_600_000


def hours_since_arrival(publisher: Publisher, user_ids: Sequence[str]) -> NDArray[np.float64]:
    """(users): hours since the last event arrived, by Redis' clock; infinite where no arrival is known."""
    now: Any = connect(publisher.url).time()
    arrived = np.zeros(len(user_ids))
    for start in range(0, len(user_ids), _CALL_USERS):
        users = user_ids[start : start + _CALL_USERS]
        arrived[start : start + len(users)] = _arrivals(publisher, users)
    hours = np.maximum(1000 * now[0] + now[1] // 1000 - arrived, 0) / _HOUR_MS
    return np.where(arrived > 0, hours, np.inf)


def _arrivals(publisher: Publisher, users: Sequence[str]) -> NDArray[np.float64]:
    """The later of each user's times in the two queues (epoch ms), 0 for a user in neither."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, user in enumerate(users):
        places[keyspace.shard_of(user, publisher.shards)].append(place)
    with connect(publisher.url).pipeline(transaction=False) as pipeline:
        for shard, of_shard in places.items():
            names = [users[place] for place in of_shard]
            for key in (keyspace.pending(shard), keyspace.active(shard)):
                pipeline.zmscore(key, names)
        found = [[score or 0.0 for score in scores] for scores in pipeline.execute()]
    arrived = np.zeros(len(users))
    for of_shard, pending, active in zip(places.values(), found[::2], found[1::2], strict=True):
        arrived[of_shard] = np.maximum(pending, active)
    return arrived
