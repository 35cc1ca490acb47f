"""Every Redis key, declared once: its kind, who writes it, who reads it.

A user's keys and the counts that the user's events change (popularity, trends) share the hash tag ``{s}``,
s = crc32(user_id) mod REDIS_SHARDS, so that a script needs only one slot of a Redis Cluster.
The keys of a model version live until it is pruned. A key that expires says so below.
"""

from __future__ import annotations

from zlib import crc32

from contracts.stored.parts import ITEMS_PER_PART as ITEMS_PER_PART

# Raised when the state's keys or records change: streaming rebuilds a state of another version.
STATE = 6


def shard_of(user_id: str, shards: int) -> int:
    """The shard of a user: crc32 of the UTF-8 id, modulo the number of shards."""
    return crc32(user_id.encode()) % shards


# --- written by streaming (online query, rebuild), read by serving ---


def history(user_id: str, shards: int) -> str:
    """HASH item_id -> records.encode_entry, joined: the user's known items with their last writers."""
    return f"hw:{{{shard_of(user_id, shards)}}}:history:{user_id}"


# How many known items of one user are read at most; where a user has more (a bot), the newest count.
MOST_KNOWN = 50_000


def retracted_items(user_id: str, shards: int) -> str:
    """HASH as `history`: items of which retractions left nothing, as older events may still come."""
    return f"hw:{{{shard_of(user_id, shards)}}}:retracted:{user_id}"


def earlier(user_id: str, shards: int) -> str:
    """HASH item_id -> records.encode_earlier: the events before the last one of their type.

    The newest EARLIER_EVENTS of each item. An item with at most one event of each type has none.
    """
    return f"hw:{{{shard_of(user_id, shards)}}}:earlier:{user_id}"


def recent(user_id: str, shards: int) -> str:
    """ZSET item_id by the time of its newest entry, retractions included, + .5 if it is liked.

    It holds the newest HISTORY_CAP items, and those with the same time as the last of these.
    """
    return f"hw:{{{shard_of(user_id, shards)}}}:recent:{user_id}"


def fresh(user_id: str, shards: int) -> str:
    """STRING records.FreshList, expires: the user's folded-in list; written by the online query."""
    return f"hw:{{{shard_of(user_id, shards)}}}:fresh:{user_id}"


def erased_users(shard: int) -> str:
    """HASH user_id -> epoch ms: erased users of the shard; their events until then do not count."""
    return f"hw:{{{shard}}}:erased"


def pending(shard: int) -> str:
    """ZSET user_id by last activity (ms): the users who wait to be folded in."""
    return f"hw:{{{shard}}}:pending"


def active(shard: int) -> str:
    """ZSET user_id by arrival of the last event (ms): users whose fresh lists a new model makes again."""
    return f"hw:{{{shard}}}:active"


def cooling(shard: int) -> str:
    """ZSET user_id by the time (ms) at which the user's list is to be made again with cooler weights."""
    return f"hw:{{{shard}}}:cooling"


def together(item_id: str, shard: int) -> str:
    """ZSET item_id by how many of the shard's users have lately liked both."""
    return f"hw:{{{shard}}}:together:{item_id}"


def live(day: str, shard: int) -> str:
    """HASH field (contracts/live_figures.py) -> whole number: the live figures of a day; expires."""
    return f"hw:{{{shard}}}:live:{day}"


def outcomes(shard: int) -> str:
    """LIST of live_outcomes.Outcome, oldest first: outcomes that wait to be moved to the lake."""
    return f"hw:{{{shard}}}:outcomes"


def history_pattern() -> str:
    """What SCAN matches to find every history (braces are literal to Redis, the shard is any)."""
    return "hw:{*}:history:*"


def retracted_pattern() -> str:
    """As `history_pattern`, for the keys of `retracted_items`."""
    return "hw:{*}:retracted:*"


def earlier_pattern() -> str:
    """As `history_pattern`, for the keys of `earlier`."""
    return "hw:{*}:earlier:*"


def user_of_history(key: str) -> str:
    """The user in a key of `history`."""
    return key.split("}:history:", 1)[1]


def popularity_shard(shard: int) -> str:
    """HASH item_id -> records.Popularity, from the users of one shard."""
    return f"hw:{{{shard}}}:popularity"


def trend_shard(shard: int) -> str:
    """HASH item_id -> records.Trend, from the users of one shard."""
    return f"hw:{{{shard}}}:trend"


def popular_in(category: str) -> str:
    """ZSET item_id by popularity score: the items of one category."""
    return f"hw:popular:category:{category}"


def trending(half_life_seconds: int) -> str:
    """ZSET item_id by records.Trend.score of one half-life; items with nothing to decay are absent."""
    return f"hw:trending:{half_life_seconds}"


def trend_counter(half_life_ms: float) -> str:
    """The ZSET that has the counts of one trend: `trending`, or POPULAR where nothing decays (0)."""
    return trending(round(half_life_ms / 1000)) if half_life_ms else POPULAR


def trending_in(half_life_seconds: int, category: str) -> str:
    """ZSET as `trending`: the items of one category."""
    return f"hw:trending:{half_life_seconds}:category:{category}"


POPULARITY = "hw:popularity"  # HASH item_id -> records.Popularity, merged over shards
POPULAR = "hw:popular"  # ZSET item_id by popularity score; every known item is a member
NEWEST = "hw:newest"  # ZSET item_id by its attribute published_at (epoch ms); items without one are absent
CATALOG_ITEMS = "hw:catalog:items"  # HASH item_id -> records.encode_catalog
CATALOG_USERS = "hw:catalog:users"  # HASH user_id -> records.encode_catalog
NEWEST_ENTRIES = "hw:catalog:newest"  # ZSET item_id by the time (ms) of its entry: the newest of all entries
ITEM_CATEGORIES = "hw:catalog:categories"  # HASH item_id -> JSON list: those whose ZSETs hold the item
STATE_VERSION = "hw:state:version"  # STRING: STATE, as long as Redis holds the state
APPLIED_ONLINE = "hw:applied:online"  # HASH topic:partition -> next offset; written by the online query
APPLIED_LAKE = "hw:applied:lake"  # HASH topic:partition -> next offset; written by the lake query
APPLIED_TOPICS = "hw:applied:topics"  # HASH topic -> its id in Kafka, of which APPLIED_ONLINE are the offsets
APPLIED_TIMES = "hw:applied:times"  # HASH topic:partition -> broker's time (ms) of the newest applied record
# SET item_id: items whose new events are counted in their shards, but not yet in the lists over all users.
# Merging renames the first to the second, so both names have the same tag.
TOUCHED = "hw:{touched}:items"
MERGING = "hw:{touched}:merging"
# STRINGs, epoch ms: events before it do not count any more (EVENTS_KEEP_DAYS); and the one that the state was
# written with, which differs until it is written again.
KEPT_SINCE = "hw:events:kept-since"
STATE_KEPT_SINCE = "hw:state:kept-since"
STATE_WRITERS = "hw:state:writers"  # ZSET writer by the time (ms) up to which it may be at work
STATE_REBUILDING = "hw:state:rebuilding"  # STRING: `headwater rebuild` is at work, the online query waits
STREAMING_LEASE = "hw:streaming:lease"  # STRING, expires: which process of streaming works on the state
STREAMING_EPOCH = "hw:streaming:epoch"  # STRING counter: how often the lease has changed hands
STREAMING_STATUS = "hw:streaming:status"  # HASH name -> text: statuses.StreamingStatus

# --- written by training, read by serving ---

CURRENT_MODEL = "hw:model:current"  # STRING version; moved by pointer.MOVE_SCRIPT only
MODEL_VERSIONS = "hw:model:versions"  # ZSET version by time begun; entered before any other key of it
# LIST of pointer.AuditLine, newest last: every move of the pointer, every refusal and pruning.
MODEL_AUDIT = "hw:model:audit"
TRAINING_REQUESTS = "hw:training:requests"  # STRING counter; `headwater train --now` raises it
TRAINING_STATUS = "hw:training:status"  # HASH name -> text: statuses.TrainingStatus


def manifest(version: str) -> str:
    """STRING manifest.Manifest as JSON: parameters, metrics, counts, lake version, timings."""
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


def segment_lists(version: str) -> str:
    """HASH segment (contracts/stored/segments.py) -> records.encode_ranked: what its users like."""
    return f"hw:model:{version}:segments"


def model_factors(version: str) -> str:
    """HASH part number -> float32 rows of ITEMS_PER_PART item factors; field records.USER_GRAMIAN."""
    return f"hw:model:{version}:factors"


def rating_factors(version: str) -> str:
    """HASH as `model_factors`, of the explicit model, which predicts ratings; absent without ratings."""
    return f"hw:model:{version}:rating_factors"


def model_signals(version: str) -> str:
    """HASH name -> signal_arrays: the fitted signals of the version's blend; absent without a blend."""
    return f"hw:model:{version}:signals"


def model_content(version: str) -> str:
    """STRING algorithms.content Placement: places items by what the catalogue says; absent where it says
    nothing of the version's items."""
    return f"hw:model:{version}:content"


# A script can only write keys of one slot of a Redis Cluster. So there, the epoch and the online query's
# offsets have the lease's name as their hash tag, and the audit list has the pointer's. On one server their
# names are those above.
CLUSTER_NAMES = {
    STREAMING_EPOCH: f"hw:{{{STREAMING_LEASE}}}:epoch",
    APPLIED_ONLINE: f"hw:{{{STREAMING_LEASE}}}:applied",
    MODEL_AUDIT: f"hw:{{{CURRENT_MODEL}}}:audit",
}

# --- written by serving (an operator's PUT /v1/rules), read by serving ---

SERVING_RULES = "hw:serving:rules"  # STRING JSON: deny and allow lists, editorial list, boosts by category
# Experiments. The script of contracts/experiments/changes.py changes all four keys, so they share a tag.
EXPERIMENTS = "hw:{experiments}:records"  # HASH name -> experiments.record.Experiment as JSON
EXPERIMENTS_REVISION = "hw:{experiments}:revision"  # STRING counter: raised by every change of a record
EXPERIMENT_AUDIT = "hw:{experiments}:audit"  # LIST of experiments.changes.ExperimentChange, newest last
# HASH name -> number of its last run that started, also where the experiment was deleted; under "" the
# highest number of all names that are no longer kept.
EXPERIMENT_RUNS = "hw:{experiments}:runs"
EXPERIMENT_REPORTS = "hw:{experiments}:reports"  # HASH name -> experiments.report.KeptReport, the newest


def experiment_looks(name: str) -> str:
    """LIST of experiments.look.Look as JSON, newest last: the looks at an experiment's runs."""
    return f"hw:{{experiments}}:looks:{name}"


# HASH `times_shown` of an item -> in how many lists, `users_before` -> its users before the first; expires.
NEW_ITEMS_SHOWN = "hw:serving:new_items_shown"

# HASH name of an API process that has ended -> exposures.Loss: what it had shown and Kafka had not.
LOST_EXPOSURES = "hw:serving:lost_exposures"


def times_shown(item_id: str) -> str:
    """Field of NEW_ITEMS_SHOWN: a whole number, raised by every list that shows the new item."""
    return f"n{item_id}"


def users_before(item_id: str) -> str:
    """Field of NEW_ITEMS_SHOWN: how many users the item had when its first impression was counted."""
    return f"u{item_id}"


def shown_items(user_id: str, shards: int) -> str:
    """ZSET item_id by when it was last in an answer (ms), expires; kept while SHOWN_SECONDS is above zero."""
    return f"hw:{{{shard_of(user_id, shards)}}}:shown:{user_id}"


# --- written by the online query for one model version, read by serving and by the online query ---


def new_items(version: str) -> str:
    """LIST of items that came after the version was trained; place p has index (items trained on) + p."""
    return f"hw:model:{{{version}}}:new_items"


def new_factors(version: str) -> str:
    """HASH item_id -> float32 factor of a new item from its users, zero until there are enough of them.

    Field `placed_field` of an item -> its factor by its content; field "" -> how often a factor changed.
    """
    return f"hw:model:{{{version}}}:new_factors"


def placed_field(item_id: str) -> str:
    """Field of `new_factors`; no id begins with a line break."""
    return f"\n{item_id}"


def new_item_users(version: str, item_id: str) -> str:
    """HASH user_id -> strength (float64) and the user's vector (float32): who touched a new item; expires."""
    return f"hw:model:{{{version}}}:touched:{item_id}"


def version_keys(version: str, shards: int) -> list[str]:
    """All keys of one model version that prune deletes; `new_item_users` expire by themselves."""
    fixed = [manifest(version), model_items(version), similar_items(version), top_users(version)]
    fixed += [segment_lists(version), model_factors(version), rating_factors(version)]
    fixed += [model_signals(version), model_content(version)]
    fixed += [new_items(version), new_factors(version)]
    return fixed + [top_n(s, version) for s in range(shards)]
