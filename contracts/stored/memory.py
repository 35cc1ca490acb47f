"""How many bytes of Redis each kind of key takes: formulas of the numbers of users, items and so on (World).

``headwater plan`` prints the results, publishing asks `version_bytes` before it writes, and
``test_memory.py`` compares them with what INFO reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from contracts.stored import keyspace
from contracts.stored.records import (
    EARLIER_SIZE,
    ENTRY_SIZE,
    OCTAVE_SIZE,
    OCTAVES,
    POPULARITY_SIZE,
    TREND_HALF_LIVES,
)
from contracts.stored.redis_structures import (
    HALF_LIKED,
    INTEGER,
    LISTPACK_VALUE,
    REAL,
    hash_bytes,
    key_bytes,
    string_bytes,
    zset_bytes,
)

BASE = 1_500_000  # an empty server with a few clients
_QUANTILES = 100
_VERSION_SIZE = 20  # the text of a version
_MANIFEST_SIZE = 16_384
_ROW_ENTRIES = 100  # that a row of a signal keeps
_CONTENT_COLUMNS = 2**15  # features that are kept (algorithms/content/placement.py)
_NEW_ITEMS = 10_000  # that a new version places (streaming/state/apply.py)
_ENTRY_BYTES, _ROW_BYTES, _PART_HEAD = 6, 2, 16  # contracts/stored/signal_arrays.py


@dataclass(frozen=True)
class World:
    """How much there is of everything. Fields named size are the bytes of a text."""

    users: int
    items: int
    interactions: int  # distinct pairs of user and item
    n: int = 100
    rank: int = 16
    rating_rank: int = 5
    signal_matrices: int = 3  # of a version's blend (RANKING): item-to-item, the long view, transitions; or 0
    shards: int = 1
    user_size: int = 8
    item_size: int = 8
    types: float = 1.0  # event types of a pair, in the mean
    history_cap: int = 1000
    repeats: float = 0.0  # earlier events of a pair, in the mean
    earlier_events: int = 16  # kept of a pair, at the most
    days: float = 365.0  # over which the interactions of an item are spread
    half_lives: tuple[int, ...] = TREND_HALF_LIVES
    categories: int = 20
    categories_per_item: float = 2.0
    catalog_size: int = 150  # the JSON of an item
    described_users: float = 0.0  # share of users with metadata
    user_catalog_size: int = 100  # the JSON of a user
    segments: int = 0  # of users by their metadata
    shown: int = 0  # items of an answer that are remembered for a user (SHOWN_ITEMS); 0: none
    together_window: int = 10
    together_degree: int = 3
    fresh_users: float = 1.0  # share of users with a folded-in list
    partitions: int = 4
    similar: int = 50
    top_users: int = 50
    versions: int = 2


def shares() -> list[float]:
    """A hundred numbers with mean 1 that stand for the lengths of all histories, as shares of their mean.

    They are quantiles of a log-normal distribution with sigma 1. (In MovieLens 1M the mean is 1.7 times the
    median, which is exp(sigma**2 / 2).)
    """
    raw = [math.exp(NormalDist().inv_cdf((place + 0.5) / _QUANTILES)) for place in range(_QUANTILES)]
    return [each * _QUANTILES / sum(raw) for each in raw]


def spread(mean: float, most: int) -> list[int]:
    """A hundred lengths that stand for all, by `shares` of the mean, from 1 to ``most``."""
    return [min(most, max(1, round(mean * share))) for share in shares()]


def _per_user(world: World, key_name: str, of_length: Callable[[int], int]) -> int:
    lengths = spread(world.interactions / max(1, world.users), world.items)
    whole = sum(map(of_length, lengths)) / len(lengths)
    return round(world.users * (whole + key_bytes(len(key_name))))


def histories(world: World) -> int:
    """The users' known items with their last writers."""
    size = round(ENTRY_SIZE * world.types)
    name = keyspace.history("u" * world.user_size, world.shards)
    return _per_user(world, name, lambda length: hash_bytes(length, world.item_size, size))


def earlier(world: World) -> int:
    """The users' earlier events of items that they came back to; their number is taken to be geometric."""
    if not (world.repeats and world.earlier_events):
        return 0
    share, most = world.repeats / (1 + world.repeats), world.earlier_events
    size = round(EARLIER_SIZE * (1 - share**most) / (1 - share))  # of a pair that has any
    compact = min(most, LISTPACK_VALUE // EARLIER_SIZE)
    # The chance that the events of a pair fit a compact value; one pair that does not makes its hash open.
    is_compact = 1 - share**compact * (compact < most)

    def of_length(length: int) -> float:
        fields = max(1, round(length * share))
        chance = is_compact**fields
        packed = hash_bytes(fields, world.item_size, size)
        opened = hash_bytes(fields, world.item_size, size, largest=EARLIER_SIZE * most)
        return (1 - share**length) * (chance * packed + (1 - chance) * opened + key_bytes(len(name)))

    name = keyspace.earlier("u" * world.user_size, world.shards)
    lengths = spread(world.interactions / max(1, world.users), world.items)
    return round(world.users * sum(map(of_length, lengths)) / len(lengths)) if world.items else 0


def recents(world: World) -> int:
    """The users' newest items."""
    name = keyspace.recent("u" * world.user_size, world.shards)
    cap = world.history_cap
    return _per_user(world, name, lambda length: zset_bytes(min(length, cap), world.item_size, HALF_LIKED))


def _items_of_shard(world: World) -> int:
    expected = -math.expm1(-world.interactions / (world.shards * max(1, world.items)))
    return round(world.items * expected)


def popularity(world: World) -> int:
    """Popularity by shard and merged."""
    by_shard = hash_bytes(_items_of_shard(world), world.item_size, POPULARITY_SIZE)
    merged = hash_bytes(world.items, world.item_size, POPULARITY_SIZE)
    return world.shards * (by_shard + key_bytes(24)) + merged + key_bytes(16)


def octaves_of(events: int, half_life: int, days: float) -> float:
    """How many octaves of one half-life (seconds) an item takes, its events spread evenly over the days."""
    octaves = 1 + days * 86_400 / half_life
    recent = 1 + (events - 1) * min(1.0, OCTAVES / octaves)
    kept = min(float(OCTAVES), octaves)
    return -kept * math.expm1(-recent / kept)


def trends(world: World) -> int:
    """Trends by shard."""
    each = spread(world.interactions * world.types / max(1, world.items * world.shards), world.interactions)
    octaves = sum(octaves_of(events, h, world.days) for events in each for h in world.half_lives) / len(each)
    size = round(OCTAVE_SIZE * octaves)
    return world.shards * (hash_bytes(_items_of_shard(world), world.item_size, size) + key_bytes(24))


def _ranking(world: World) -> int:
    """One ZSET of all items, and one for each category."""
    members = round(world.items * world.categories_per_item / max(1, world.categories))
    by_category = world.categories * (zset_bytes(members, world.item_size, REAL) + key_bytes(48))
    return zset_bytes(world.items, world.item_size, REAL) + key_bytes(24) + by_category


def rankings(world: World) -> int:
    """The popular and trending lists, overall and by category; and the newest, as if all items had a date."""
    newest = zset_bytes(world.items, world.item_size, REAL) + key_bytes(24)
    return (1 + len(world.half_lives)) * _ranking(world) + newest


def together(world: World) -> int:
    """Which items are liked together: both directions of the pairs in the users' windows."""
    lengths = spread(world.interactions / max(1, world.users), world.together_window)
    pairs = sum(_window_pairs(length, world.together_degree) for length in lengths) / len(lengths)
    both_ways = 2 * world.users * pairs / world.shards
    name = key_bytes(len(keyspace.together("i" * world.item_size, world.shards)))
    weights, whole = shares(), 0.0
    for share in weights:
        # How often a pair of items is met is Poisson-distributed, with mean (both ways * their shares).
        met = (-math.expm1(-both_ways * share * other / max(1, world.items) ** 2) for other in weights)
        members = round(world.items * sum(met) / len(weights))
        whole += (zset_bytes(members, world.item_size, 2) + name) / len(weights) if members else 0
    return round(world.shards * world.items * whole)


def _window_pairs(window: int, degree: int) -> int:
    """How many pairs a window of this number of items makes, each with the next ``degree``."""
    return sum(min(degree, window - 1 - place) for place in range(window))


def catalog(world: World) -> int:
    """Titles and categories of the items."""
    entries = hash_bytes(world.items, world.item_size, 16 + world.catalog_size)
    listed = hash_bytes(world.items, world.item_size, 2 + round(12 * world.categories_per_item))
    return entries + listed + 2 * key_bytes(24)


def user_metadata(world: World) -> int:
    """The users' metadata."""
    described = round(world.users * world.described_users)
    return hash_bytes(described, world.user_size, 16 + world.user_catalog_size) + key_bytes(24)


def shown_items(world: World) -> int:
    """The items that were shown lately to active users."""
    name = len(keyspace.shown_items("u" * world.user_size, world.shards))
    each = zset_bytes(world.shown, world.item_size, INTEGER) + key_bytes(name, expires=True)
    return round(world.users * world.fresh_users) * each if world.shown else 0


def fresh_lists(world: World) -> int:
    """The folded-in lists of users who were active within FRESH_TTL_SECONDS."""
    size = 10 + _VERSION_SIZE + 12 * world.partitions + 8 * min(world.n, world.items)
    name = len(keyspace.fresh("u" * world.user_size, world.shards))
    return round(world.users * world.fresh_users) * (string_bytes(size) + key_bytes(name, expires=True))


def model_lists(world: World) -> int:
    """One version's list of every user."""
    users = -(-world.users // world.shards)
    return world.shards * (hash_bytes(users, world.user_size, 8 * min(world.n, world.items)) + key_bytes(48))


def model_neighbours(world: World) -> int:
    """One version's similar items and top users of every item."""
    similar = hash_bytes(world.items, world.item_size, 8 * min(world.similar, world.items))
    users = min(world.top_users, world.users)
    found = hash_bytes(world.items, world.item_size, 2 + users * (5 + world.user_size))
    return similar + found + 2 * key_bytes(48)


def model_segments(world: World) -> int:
    """One version's list of every segment."""
    each = 8 * min(world.n, world.items)
    return hash_bytes(world.segments, 24, each) + key_bytes(48) if world.segments else 0


def model_factors(world: World) -> int:
    """One version's item factors, ids and manifest."""
    parts, left = divmod(world.items, keyspace.ITEMS_PER_PART)
    rows = (4 * world.rank, 4 * world.rating_rank)
    whole, rest = (sum(string_bytes(row * n) for row in rows) for n in (keyspace.ITEMS_PER_PART, left))
    factors = parts * whole + rest
    ids = string_bytes(world.items * (1 + world.item_size))
    return factors + ids + string_bytes(8 * world.rank**2) + string_bytes(_MANIFEST_SIZE) + 3 * key_bytes(48)


def model_signals(world: World) -> int:
    """The arrays of one version's blend, as if every row were full; and two sums for each item."""
    parts, left = divmod(world.items, keyspace.ITEMS_PER_PART)
    row = _ROW_BYTES + _ENTRY_BYTES * min(_ROW_ENTRIES, world.items)
    whole, rest = (string_bytes(_PART_HEAD + row * rows) for rows in (keyspace.ITEMS_PER_PART, left))
    matrices = world.signal_matrices * (parts * whole + (rest if left else 0))
    return matrices + 2 * string_bytes(4 * world.items) + key_bytes(48) if world.signal_matrices else 0


def model_content(world: World) -> int:
    """What places new items by content, and the newest items of the catalogue, as if none had an event."""
    new, factor = min(_NEW_ITEMS, world.items), 4 * world.rank
    fitted = string_bytes(min(_CONTENT_COLUMNS, 8 * world.items) * (4 + factor)) + key_bytes(48)
    # The list of new items, and two factors of each: from its users, zero at first, and by its content.
    listed = new * (world.item_size + 3) + key_bytes(48)
    return fitted + listed + hash_bytes(2 * new, world.item_size, factor) + key_bytes(48)


Bytes = Callable[[World], int]
# To plan for a new kind of key, write its formula above and name it here.
STATE_KINDS: tuple[tuple[str, Bytes], ...] = (
    ("histories", histories),
    ("earlier events", earlier),
    ("recent items", recents),
    ("popularity", popularity),
    ("trends", trends),
    ("popular, trending and newest lists", rankings),
    ("liked together", together),
    ("catalogue", catalog),
    ("users' metadata", user_metadata),
    ("fresh lists", fresh_lists),
    ("shown items", shown_items),
)
VERSION_KINDS: tuple[tuple[str, Bytes], ...] = (
    ("lists of users", model_lists),
    ("lists of items", model_neighbours),
    ("lists of segments", model_segments),
    ("factors and ids", model_factors),
    ("signals", model_signals),
    ("new items by content", model_content),
)


def version_bytes(world: World) -> int:
    """What one published version takes."""
    return sum(size(world) for _, size in VERSION_KINDS)


def plan_bytes(world: World) -> dict[str, int]:
    """Bytes by kind: the state, and the versions that Redis holds at once."""
    versions = world.versions
    return (
        {"server": BASE}
        | {name: size(world) for name, size in STATE_KINDS}
        | {f"{name}, {versions} versions": versions * size(world) for name, size in VERSION_KINDS}
    )
