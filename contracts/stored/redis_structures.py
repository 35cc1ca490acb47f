"""The bytes that Redis' structures take, in their compact and their open encodings, as jemalloc allocates.

Source: Redis 7.0 (object.c, sds.h, listpack.c, dict.c, t_zset.c) with its default thresholds.
"""

from __future__ import annotations

LISTPACK_FIELDS = 512  # hash-max-listpack-entries
LISTPACK_MEMBERS = 128  # zset-max-listpack-entries
LISTPACK_VALUE = 64  # hash-max-listpack-value and zset-max-listpack-value
_OBJECT, _DICT, _ENTRY = 16, 64, 32
_SKIPLIST = 16 + 32 + 640  # zset, zskiplist and its head of 32 levels
_NODE = 53  # a skiplist node: 24 bytes and 16 a level, 4/3 levels in the mean
INTEGER, REAL = 10, 20  # a score in a listpack: 64 bits, or the text of a double
HALF_LIKED = 14  # of recent items: a liked one's score is the text of a time with half a millisecond


def allocation_size(size: int) -> int:
    """What jemalloc gives for a number of bytes: its next size class."""
    if size <= 128:
        return 8 if size <= 8 else -(-size // 16) * 16
    step = 1 << ((size - 1).bit_length() - 3)
    return -(-size // step) * step


def table_bytes(entries: int) -> int:
    """A hash table's pointers: the next power of two."""
    return 8 * max(4, 1 << max(0, entries - 1).bit_length())


def _text(size: int) -> int:
    header = next(bytes_ for bytes_, limit in ((1, 32), (3, 256), (5, 65_536), (9, 1 << 32)) if size < limit)
    return allocation_size(header + size + 1)


def _packed_size(size: int) -> int:
    """A text within a listpack, with its length before it and, for reading backwards, its size behind it."""
    head = 1 if size < 64 else 2 if size < 4096 else 5
    return head + size + (1 if head + size < 128 else 2)


def hash_bytes(fields: int, name_size: int, value_size: int, largest: int = 0) -> int:
    """A HASH of this number of fields, without its key. ``largest``: the longest value, where they differ."""
    if not fields:
        return 0
    if fields <= LISTPACK_FIELDS and max(name_size, value_size, largest) <= LISTPACK_VALUE:
        return _OBJECT + allocation_size(7 + fields * (_packed_size(name_size) + _packed_size(value_size)))
    each = _ENTRY + _text(name_size) + _text(value_size)
    return _OBJECT + _DICT + table_bytes(fields) + fields * each


def zset_bytes(members: int, name_size: int, score_size: int) -> int:
    """A ZSET with this number of members, without its key; ``score_size`` is one of the sizes above."""
    if not members:
        return 0
    if members <= LISTPACK_MEMBERS and name_size <= LISTPACK_VALUE:
        return _OBJECT + allocation_size(7 + members * (_packed_size(name_size) + score_size))
    each = _ENTRY + _text(name_size) + _NODE
    return _OBJECT + _DICT + _SKIPLIST + table_bytes(members) + members * each


def string_bytes(size: int) -> int:
    """A STRING of this number of bytes, without its key."""
    return allocation_size(_OBJECT + 4 + size) if size <= 44 else _OBJECT + _text(size)


def key_bytes(name_size: int, expires: bool = False) -> int:
    """A key without its value: its name, its entry in the database, and one among the times if it expires."""
    # The database's tables are between half full and full.
    return _ENTRY + _text(name_size) + 12 + (_ENTRY + 12 if expires else 0)
