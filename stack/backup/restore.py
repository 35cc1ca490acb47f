"""Restores a backup, and overwrites nothing that is there.

A version is written and its fields are counted before the pointer can name it. Users who asked to be
forgotten after the backup was made are taken out of its lists, as far as Redis knows them; if Redis has lost
them, `headwater rebuild` brings them back.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from clients.redis.connection import redis_client
from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from contracts.stored.completeness import is_whole
from contracts.stored.pointer import AUDIT_LINES
from stack.backup.archive import KEYS, MODELS, BackupError, Summary, open_archive
from stack.backup.kept_keys import ABSENT_ONLY, is_log, tombstones, version_keys
from stack.backup.make import TIMEOUT_SECONDS
from stack.backup.model_folders import put_back
from stack.backup.redis_parts import Part, read_parts
from training.registry.outcome import DamagedModelError
from training.registry.publish import Publisher

_CHUNK = 500
# KEYS: a hash of whole numbers. ARGV: pairs of a field and a number; the larger one of both stays.
_KEEP_LARGER = """
for place = 1, #ARGV, 2 do
  local present = redis.call('HGET', KEYS[1], ARGV[place])
  if not present or tonumber(present) < tonumber(ARGV[place + 1]) then
    redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
  end
end
"""


class Restored(NamedTuple):
    """The result of a restore."""

    summary: Summary
    versions: list[str]  # the versions that were written; the others were there
    served: str | None  # the version that is served now
    folders: list[str]  # versions whose folder was written


def restore(settings: TrainingSettings, source: Path) -> Restored:
    """Write what is missing in Redis and the models' folder. Raises BackupError, TrainingError."""
    publisher = Publisher.of(settings)
    with open_archive(source) as (summary, folder):
        if summary.shards != settings.redis_shards:
            raise BackupError(
                f"the backup was made with REDIS_SHARDS={summary.shards}, and it is {settings.redis_shards} "
                "here: set the same, since the names of keys depend on it"
            )
        folders = put_back(settings, summary.versions, folder / MODELS)
        with redis_client(
            settings.redis_url.get_secret_value(),
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        ) as client:
            known = publisher.erased_users()
            missing = [version for version in summary.versions if not _is_there(publisher, version)]
            for version in missing:
                client.zadd(keyspace.MODEL_VERSIONS, {version: summary.versions[version]})
            _write(client, folder / KEYS, set(version_keys(missing, summary.shards)), summary.shards)
        of_backup = _tombstones_in(folder / KEYS, summary.shards)
        later = {user for user, until in known.items() if until > of_backup.get(user, -1)}
        for version in missing:
            publisher.empty_lists(version, later)
            if not _is_there(publisher, version):
                raise BackupError(f"Redis did not take all of {version}: is its memory full? Run it again")
        served = _serve(publisher, summary)
    return Restored(summary, missing, served, folders)


def _is_there(publisher: Publisher, version: str) -> bool:
    try:
        manifest = publisher.manifest_of(version)
    except DamagedModelError:
        return False
    return manifest is not None and is_whole(manifest, publisher.sizes(version))


def _serve(publisher: Publisher, summary: Summary) -> str | None:
    """Serve the backup's version if none is served. Returns the version that is served now."""
    if publisher.current_version() is None and summary.served is not None:
        publisher.move(summary.served, None, "restore", f"from the backup of {summary.made_at}")
    return publisher.current_version()


def _write(client: Any, keys: Path, wanted: set[str], shards: int) -> None:
    erased = set(tombstones(shards))
    for (key, kind), group in groupby(read_parts(keys), lambda part: (part.key, part.kind)):
        if key in erased:
            for chunk in _chunks(group):
                client.eval(_KEEP_LARGER, 1, key, *(x for part in chunk for x in (part.field, part.value)))
        elif is_log(key):
            _prepend(client, key, [part.value for part in group])
        elif key in ABSENT_ONLY:
            _add_absent(client, key, kind, group)
        elif key in wanted:
            _replace(client, key, kind, group)


def _prepend(client: Any, key: str, lines: list[bytes]) -> None:
    present = set(client.lrange(key, 0, -1))
    missing = [line for line in lines if line not in present]
    if missing:
        with client.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, *reversed(missing))
            pipeline.ltrim(key, -AUDIT_LINES, -1)
            pipeline.execute()


def _add_absent(client: Any, key: str, kind: str, parts: Iterable[Part]) -> None:
    added = 0
    for part in parts:
        if kind == "hash":
            added += client.hsetnx(key, part.field, part.value)
        else:
            client.set(key, part.value, nx=True)
    if added and key == keyspace.EXPERIMENTS and client.exists(keyspace.EXPERIMENTS_REVISION):
        client.incr(keyspace.EXPERIMENTS_REVISION)  # the API reads experiments again when this changes


def _replace(client: Any, key: str, kind: str, parts: Iterable[Part]) -> None:
    client.unlink(key)
    for chunk in _chunks(parts):
        if kind == "hash":
            client.hset(key, items=[x for part in chunk for x in (part.field, part.value)])
        elif kind == "list":
            client.rpush(key, *(part.value for part in chunk))
        elif kind == "zset":
            client.zadd(key, {part.field: part.score for part in chunk})
        else:
            client.set(key, chunk[0].value)


def _tombstones_in(keys: Path, shards: int) -> dict[str, int]:
    erased = set(tombstones(shards))
    return {part.field.decode(): int(part.value) for part in read_parts(keys) if part.key in erased}


def _chunks(parts: Iterable[Part]) -> Iterable[list[Part]]:
    source = iter(parts)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
