"""Every Redis key, declared once: its kind, who writes it, who reads it.

A user's keys and the popularity shard that the user moves share the hash tag ``{s}``,
s = crc32(user_id) mod REDIS_SHARDS, so that one script stays in one slot of a Redis Cluster.
Versioned keys live until the version is pruned; nothing else expires.
"""

from __future__ import annotations

from zlib import crc32

STATE_PREFIX = "hw"


def shard_of(user_id: str, shards: int) -> int:
    """The shard of a user: crc32 of the UTF-8 id, modulo the number of shards."""
    return crc32(user_id.encode()) % shards


# --- written by streaming (online query, rebuild), read by serving ---


def history(user_id: str, shards: int) -> str:
    """HASH item_id -> records.encode_history: the user's known items with their last writers."""
    return f"hw:{{{shard_of(user_id, shards)}}}:history:{user_id}"


def history_pattern() -> str:
    """What SCAN matches to find every history (braces are literal to Redis, the shard is any)."""
    return "hw:{*}:history:*"


def user_of_history(key: str) -> str:
    """The user whose history a key is."""
    return key.split("}:history:", 1)[1]


def popularity_shard(shard: int) -> str:
    """HASH item_id -> records.Popularity, from the users of one shard."""
    return f"hw:{{{shard}}}:popularity"


POPULARITY = "hw:popularity"  # HASH item_id -> records.Popularity, merged over shards
POPULAR = "hw:popular"  # ZSET item_id by popularity score; every known item is a member
CATALOG_ITEMS = "hw:catalog:items"  # HASH item_id -> records.encode_catalog
CATALOG_USERS = "hw:catalog:users"  # HASH user_id -> records.encode_catalog
APPLIED_ONLINE = "hw:applied:online"  # HASH topic:partition -> next offset; written by the online query
APPLIED_LAKE = "hw:applied:lake"  # HASH topic:partition -> next offset; written by the lake query
STATE_BUSY = "hw:state:busy"  # STRING: the online query is writing a batch
STATE_REBUILDING = "hw:state:rebuilding"  # STRING: `headwater rebuild` is at work, the online query waits
STREAMING_STATUS = "hw:streaming:status"  # HASH name -> text: rows in the lake, late rows, batch seconds

# --- written by training, read by serving ---

CURRENT_MODEL = "hw:model:current"  # STRING version; moved by compare-and-set only
MODEL_VERSIONS = "hw:model:versions"  # ZSET version by time begun; entered before any other key of it
TRAINING_REQUESTS = "hw:training:requests"  # STRING counter; `headwater train --now` raises it
TRAINING_STATUS = "hw:training:status"  # HASH: phase, served_request, outcome, version


def manifest(version: str) -> str:
    """STRING JSON: parameters, metrics, counts, lake version, timings."""
    return f"hw:model:{version}:manifest"


def model_items(version: str) -> str:
    """STRING: the version's item ids, one a line, in index order."""
    return f"hw:model:{version}:items"


def top_n(shard: int, version: str) -> str:
    """HASH user_id -> records.encode_ranked: the users of one shard."""
    return f"hw:{{{shard}}}:model:{version}:top"


def similar_items(version: str) -> str:
    """HASH item_id -> records.encode_ranked."""
    return f"hw:model:{version}:similar"


def top_users(version: str) -> str:
    """HASH item_id -> records.encode_ranked_ids."""
    return f"hw:model:{version}:users"


def version_keys(version: str, shards: int) -> list[str]:
    """All keys of one model version: what prune deletes and publish verifies."""
    fixed = [manifest(version), model_items(version), similar_items(version), top_users(version)]
    return fixed + [top_n(s, version) for s in range(shards)]
