"""Items that came after a model: their places, and provisional factors from the users who touched them.

Until enough users like an item, its factors are those by its content (``content.py``), if it has any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.live import provisional_factors
from algorithms.fold_in import fold_in
from contracts.stored import keyspace
from streaming.fold_in.model import OnlineModel
from streaming.state.client import StateClient
from streaming.state.script import lua

_MAX_USERS = 500  # users of an item that count; more would hardly change its factor
_EXPIRE_SECONDS = 86_400
MOST_LISTED = 20_000  # new items of a version; more would make ranking each list slower


@dataclass(frozen=True)
class NewItems:
    """The new items of a version, in the order of their places."""

    revision: int = -1
    index: dict[bytes, int] = field(default_factory=dict)  # item -> place, from 0
    factors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    placed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))  # by content

    def factors_of(self, rank: int) -> NDArray[np.float32]:
        """The factors as (items, rank), with that shape also for no items; zero for an item that has none."""
        return self.factors.reshape(-1, rank)


@dataclass(frozen=True)
class Touch:
    """One user's interaction with an item that the model does not know."""

    item: bytes
    user: str
    strength: float
    vector: NDArray[np.float32]  # of the user


def read_new_items(client: StateClient, model: OnlineModel, known: NewItems) -> NewItems:
    """The version's new items; ``known`` itself where nothing has changed since."""
    key, rank = keyspace.new_factors(model.version), model.factors.shape[1]
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hget(key, "")
        pipeline.lrange(keyspace.new_items(model.version), len(known.index), -1)
        revision, further = pipeline.execute()
    if int(revision or 0) == known.revision:
        return _with_listed(known, further, rank) if further else known
    with client.pipeline(transaction=False) as pipeline:
        pipeline.lrange(keyspace.new_items(model.version), 0, -1)
        pipeline.hgetall(key)  # read last, so that it holds at least the items of the list
        items, by_item = pipeline.execute()
    index = {item: place for place, item in enumerate(items)}
    of_users = [by_item.get(item) for item in items]
    by_content = [by_item.get(keyspace.placed_field(item.decode()).encode()) for item in items]
    return NewItems(int(revision or 0), index, *provisional_factors(of_users, by_content, rank))


def _with_listed(known: NewItems, further: Sequence[bytes], rank: int) -> NewItems:
    places = {item: len(known.index) + n for n, item in enumerate(further)}
    zeros = np.zeros((len(further), rank), np.float32)
    factors = np.vstack([known.factors_of(rank), zeros])
    placed = np.concatenate([known.placed, np.ones(len(further), np.bool_)])
    return NewItems(known.revision, known.index | places, factors, placed)


def list_new_items(client: StateClient, model: OnlineModel, items: Iterable[bytes]) -> None:
    """Give a place to items that the model does not know. Trends rank them before they have a factor."""
    unlisted = list(dict.fromkeys(items))
    if not unlisted:
        return
    script = client.register_script(lua(__package__, "list_new_items.lua"))
    keys = [keyspace.new_items(model.version), keyspace.new_factors(model.version)]
    script(keys=keys, args=[MOST_LISTED, bytes(4 * model.factors.shape[1]), *unlisted])


def learn_new_items(client: StateClient, model: OnlineModel, touches: Iterable[Touch], min_users: int) -> int:
    """Store who touched which item, and solve the factors of items that enough users like.

    Returns how many items got a factor.
    """
    touched = list(touches)
    items = sorted({touch.item for touch in touched})
    if not items:
        return 0
    with client.pipeline(transaction=False) as pipeline:
        for item in items:
            pipeline.hlen(keyspace.new_item_users(model.version, item.decode()))
        counts = dict(zip(items, pipeline.execute(), strict=True))
    # Once enough users have touched an item, no more of them are kept, and its factor stays.
    items = [item for item in items if counts[item] < _MAX_USERS]
    touched = [touch for touch in touched if counts[touch.item] < _MAX_USERS]
    with client.pipeline(transaction=False) as pipeline:
        for touch in touched:
            key = keyspace.new_item_users(model.version, touch.item.decode())
            pipeline.hset(key, touch.user, _encode(touch))
            pipeline.expire(key, _EXPIRE_SECONDS)
        pipeline.execute()
    with client.pipeline(transaction=False) as pipeline:
        for item in items:
            pipeline.hvals(keyspace.new_item_users(model.version, item.decode()))
        users = [_decode(values[:_MAX_USERS], model.factors.shape[1]) for values in pipeline.execute()]
    ready = [n for n, (strengths, _) in enumerate(users) if (strengths > 0).sum() >= min_users]
    solved = _solve(model, [users[n] for n in ready])
    script = client.register_script(lua(__package__, "add_new_item.lua"))
    keys = [keyspace.new_items(model.version), keyspace.new_factors(model.version)]
    for n, factor in zip(ready, solved, strict=True):
        script(keys=keys, args=[items[n], factor.astype("<f4").tobytes()])
    return len(ready)


def _encode(touch: Touch) -> bytes:
    return np.float64(touch.strength).tobytes() + touch.vector.astype("<f4").tobytes()


def _decode(values: Sequence[bytes], rank: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    record = np.dtype([("strength", "<f8"), ("vector", "<f4", (rank,))])
    users = np.frombuffer(b"".join(values), record)
    return users["strength"], users["vector"]


def _solve(
    model: OnlineModel, items: Sequence[tuple[NDArray[np.float64], NDArray[np.float32]]]
) -> NDArray[Any]:
    if not items:
        return np.zeros((0, model.factors.shape[1]), np.float32)
    strengths = np.concatenate([each for each, _ in items])
    return fold_in(
        np.concatenate([vectors for _, vectors in items]),
        np.concatenate([[0], np.cumsum([len(each) for each, _ in items])]),
        np.arange(len(strengths)),
        strengths,
        reg_param=model.reg_param,
        alpha=model.alpha,
        nonnegative=model.nonnegative,
        gramian=model.user_gramian,
    )
