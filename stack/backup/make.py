"""Makes a backup of Redis and the models' folder, and changes neither."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clients.redis.connection import redis_client
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.completeness import is_whole
from stack.backup.archive import BackupError, Summary, write_archive
from stack.backup.kept_keys import shared_keys, tombstones, version_keys
from stack.backup.model_folders import folders_here
from stack.backup.redis_parts import Part, parts_of, write_parts
from training.registry.outcome import DamagedModelError
from training.registry.publish import Publisher

TIMEOUT_SECONDS = 30.0


def make_backup(settings: TrainingSettings, target: Path) -> Summary:
    """Write the backup. Raises BackupError where it is empty, or the served version was pruned meanwhile."""
    publisher, shards = Publisher.of(settings), settings.redis_shards
    served = publisher.current_version()
    versions = _whole_versions(publisher)
    if served is not None and served not in versions:
        raise BackupError(f"Redis does not hold all of the served {served}: run `headwater train --now`")
    target.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    client = redis_client(
        settings.redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )

    def parts() -> Iterator[Part]:
        names: Any = client.hkeys(keyspace.EXPERIMENTS)
        experiments = [name.decode() for name in names]
        for key in (*shared_keys(shards, experiments), *version_keys(list(versions), shards)):
            for part in parts_of(client, key):
                counts[_heading(key, shards)] += 1
                yield part

    with client, TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        if not write_parts(keys := Path(scratch) / "keys", parts()):
            raise BackupError("Redis holds neither models nor rules: name the right one by REDIS_URL")
        still_there = _whole_versions(publisher)
        if served is not None and served not in still_there:
            raise BackupError(f"{served} was pruned meanwhile: run `headwater backup` again")
        versions = {version: begun for version, begun in versions.items() if version in still_there}
        here = folders_here(settings, versions, Path(scratch) / "models")
        summary = Summary(
            made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            headwater=metadata.version("headwater"),
            shards=shards,
            served=served,
            versions=versions,
            model_files=set(here) == set(versions),
            counts=dict(counts),
        )
        return write_archive(target, summary, keys, here)


def _whole_versions(publisher: Publisher) -> dict[str, float]:
    """Each version that is whole in Redis, and when its round began; unfinished ones are left out."""
    found: dict[str, float] = {}
    for version, begun in publisher.versions_begun().items():
        try:
            manifest = publisher.manifest_of(version)
        except DamagedModelError:
            continue
        if manifest is not None and is_whole(manifest, publisher.sizes(version)):
            found[version] = begun
    return found


def _heading(key: str, shards: int) -> str:
    names = {
        keyspace.SERVING_RULES: "rules",
        keyspace.EXPERIMENTS: "experiments",
        keyspace.MODEL_AUDIT: "lines of audit",
        **dict.fromkeys(tombstones(shards), "tombstones"),
    }
    return names.get(key, "others")
