from __future__ import annotations

import inspect

from contracts.stored import keyspace
from stack.backup.kept_keys import shared_keys, version_keys

# Recomputed from the lake and Kafka, or counted again from there.
REBUILT = {
    "history",
    "retracted_items",
    "earlier",
    "recent",
    "together",
    "popularity_shard",
    "trend_shard",
    "popular_in",
    "trending",
    "trending_in",
    "trend_counter",
    "POPULARITY",
    "POPULAR",
    "NEWEST",
    "CATALOG_ITEMS",
    "CATALOG_USERS",
    "ITEM_CATEGORIES",
    "NEWEST_ENTRIES",
    "STATE_VERSION",
    "APPLIED_ONLINE",
    "APPLIED_LAKE",
    "APPLIED_TIMES",
    "APPLIED_TOPICS",
}
# Of the moment: a backup would bring back what is no longer true. `live` and `outcomes` are in the lake.
PASSING = {
    "fresh",
    "pending",
    "active",
    "cooling",
    "live",
    "outcomes",
    "TOUCHED",
    "MERGING",
    "KEPT_SINCE",
    "STATE_KEPT_SINCE",
    "STATE_WRITERS",
    "STATE_REBUILDING",
    "STREAMING_LEASE",
    "STREAMING_EPOCH",
    "STREAMING_STATUS",
    "TRAINING_REQUESTS",
    "TRAINING_STATUS",
    "shown_items",
    "NEW_ITEMS_SHOWN",
    "EXPERIMENT_REPORTS",
    "LOST_EXPOSURES",
    "new_item_users",
}
IN_THE_SUMMARY = {"CURRENT_MODEL", "MODEL_VERSIONS"}
NO_KEYS = {"shard_of", "user_of_history", "version_keys", "history_pattern", "retracted_pattern"} | {
    "earlier_pattern",
    "times_shown",
    "users_before",
    "placed_field",
    "STATE",
    "ITEMS_PER_PART",
    "MOST_KNOWN",
    "CLUSTER_NAMES",
}
KEPT = {
    "SERVING_RULES",
    "EXPERIMENTS",
    "EXPERIMENTS_REVISION",
    "EXPERIMENT_AUDIT",
    "EXPERIMENT_RUNS",
    "experiment_looks",
    "MODEL_AUDIT",
    "erased_users",
    "manifest",
    "model_items",
    "top_n",
    "similar_items",
    "top_users",
    "segment_lists",
    "model_factors",
    "rating_factors",
    "model_signals",
    "model_content",
    "new_items",
    "new_factors",
}


def test_for_every_key_a_table_says_what_brings_it_back() -> None:
    functions = {
        name
        for name, found in inspect.getmembers(keyspace, inspect.isfunction)
        if found.__module__ == keyspace.__name__
    }
    constants = {name for name in vars(keyspace) if name.isupper()}
    assert functions | constants == REBUILT | PASSING | IN_THE_SUMMARY | NO_KEYS | KEPT


def test_a_backup_has_all_keys_without_a_version_and_all_keys_of_each_kept_version() -> None:
    kept = {*shared_keys(2, ["e"]), *version_keys(["v"], 2)}
    assert keyspace.experiment_looks("e") in kept
    assert {getattr(keyspace, name) for name in KEPT if name.isupper()} <= kept
    assert {keyspace.erased_users(0), keyspace.erased_users(1), keyspace.new_items("v")} <= kept
    assert set(keyspace.version_keys("v", 2)) <= kept
