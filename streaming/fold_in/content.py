"""Places items that the served model does not know by their content, before anybody touches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from contracts.catalog import content_of
from contracts.stored import keyspace
from contracts.stored.records import decode_catalog
from streaming.fold_in.model import OnlineModel
from streaming.fold_in.new_items import MOST_LISTED
from streaming.state.apply import MOST_NEWEST
from streaming.state.client import StateClient, chunks
from streaming.state.script import lua


def place_newest(client: StateClient, model: OnlineModel) -> None:
    """Place the items of the newest catalogue entries, for a model that has just been published."""
    if model.content is not None:
        newest: Any = client.zrevrange(keyspace.NEWEST_ENTRIES, 0, MOST_NEWEST - 1)
        place_by_content(client, model, [item.decode() for item in newest])


def place_by_content(client: StateClient, model: OnlineModel, items: Sequence[str]) -> None:
    """Place those of the items that the model does not know, by their entries in Redis.

    An item that enough users like is ranked by the factors that come from them (``new_items.py``).
    """
    if model.content is None:
        return
    unknown = dict.fromkeys(item for item in items if item.encode() not in model.index)
    for chunk in chunks(unknown):
        _place(client, model, chunk)


def _place(client: StateClient, model: OnlineModel, items: Sequence[str]) -> None:
    version, placement = model.version, model.content
    assert placement is not None
    keys = [keyspace.new_items(version), keyspace.new_factors(version)]
    with client.pipeline(transaction=False) as pipeline:
        pipeline.llen(keys[0])
        pipeline.hmget(keys[1], items)
        pipeline.hmget(keyspace.CATALOG_ITEMS, items)
        listed, factors, entries = pipeline.execute()
    # Where all places are taken, a catalogue of millions is not read for nothing.
    chosen = [at for at in range(len(items)) if listed < MOST_LISTED or factors[at] is not None]
    if not chosen:
        return
    contents = [content_of(decode_catalog(entries[at]) if entries[at] else {}) for at in chosen]
    arguments: list[str | bytes | int] = [MOST_LISTED, np.zeros(placement.rank, "<f4").tobytes()]
    for at, factor in zip(chosen, placement.place(contents).astype("<f4"), strict=True):
        arguments += [items[at], keyspace.placed_field(items[at]), factor.tobytes()]
    client.register_script(lua(__package__, "place_new_items.lua"))(keys=keys, args=arguments)
