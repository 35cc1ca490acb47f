"""Decides whether Redis still holds all of a version, by counting the fields of its hashes."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.stored import keyspace
from contracts.stored.manifest import Manifest, Sizes


def counted_keys(version: str, shards: int) -> list[str]:
    """The keys of a version's hashes, in the order in which `sizes_of` takes their lengths."""
    lists = [keyspace.top_n(shard, version) for shard in range(shards)]
    return [
        *lists,
        keyspace.similar_items(version),
        keyspace.top_users(version),
        keyspace.model_factors(version),
        keyspace.model_signals(version),
    ]


def sizes_of(lengths: Sequence[int], shards: int) -> Sizes:
    """The sizes by the lengths (HLEN) of the `counted_keys`.

    An erased user's list counts: it is emptied, not deleted (records.EMPTIED_LIST).
    """
    similar, users, factors, signals = lengths[shards:]
    lists = sum(lengths[:shards])
    return Sizes(lists=lists, similar=similar, users=users, factors=factors, signals=signals)


def is_whole(manifest: Manifest, found: Sizes) -> bool:
    """Whether Redis holds what was published; where the manifest has no sizes, any lists are enough."""
    return found.lists > 0 and manifest.sizes in (None, found)
