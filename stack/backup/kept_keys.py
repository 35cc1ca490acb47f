"""The Redis keys that a backup holds: those that neither the lake nor Kafka can bring back."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.stored import keyspace

# How a restore joins the backup's values with those that Redis has by then.
ABSENT_ONLY = (
    keyspace.SERVING_RULES,
    keyspace.EXPERIMENTS,
    keyspace.EXPERIMENTS_REVISION,
    keyspace.EXPERIMENT_RUNS,
)
LOGS = (keyspace.MODEL_AUDIT, keyspace.EXPERIMENT_AUDIT)  # the backup's lines are put before Redis' own


def tombstones(shards: int) -> list[str]:
    """The keys of the users who asked to be forgotten; of the two times of a user the later one counts."""
    return [keyspace.erased_users(shard) for shard in range(shards)]


def shared_keys(shards: int, experiments: Sequence[str] = ()) -> list[str]:
    """The keys that belong to no model version; ``experiments`` are the names of all experiments."""
    return [*ABSENT_ONLY, *LOGS, *map(keyspace.experiment_looks, experiments), *tombstones(shards)]


def is_log(key: str) -> bool:
    """Whether a key is a list to which lines are added."""
    return key in LOGS or key.startswith(keyspace.experiment_looks(""))


def version_keys(versions: Sequence[str], shards: int) -> list[str]:
    """All keys of these model versions. The pointer and the list of versions are in the backup's summary."""
    return [key for version in versions for key in keyspace.version_keys(version, shards)]
