"""A version published step by step, as training/rounds/publication.py does it.

Run as a process, it kills itself before one of the steps.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import numpy as np

from contracts.settings import TrainingSettings
from contracts.stored import keyspace
from tests.manifests import a_manifest
from training.registry.publish import Publisher, write_fields

Step = Callable[[Publisher, str, "str | None"], object]


def _lists(shard: int) -> Step:
    def write(publisher: Publisher, version: str, before: str | None) -> None:
        fields = {f"u{n}": version.encode() for n in range(1200)}
        write_fields(publisher.url, keyspace.top_n(shard, version), fields)

    return write


def _factors(publisher: Publisher, version: str, before: str | None) -> None:
    publisher.write_items(version, ["a", "b"])
    publisher.write_factors(version, np.ones((2, 3), np.float32), np.eye(3))


def _similar(publisher: Publisher, version: str, before: str | None) -> None:
    write_fields(publisher.url, keyspace.similar_items(version), {"a": b"x"})


def _manifest(publisher: Publisher, version: str, before: str | None) -> None:
    publisher._client.set(keyspace.manifest(version), a_manifest(version, previous=before).to_json())


def _pointer(publisher: Publisher, version: str, before: str | None) -> None:
    assert publisher.promote(a_manifest(version, previous=before), before)


def _prune(publisher: Publisher, version: str, before: str | None) -> None:
    for old in publisher.superseded_versions(version, 2):
        publisher.delete(old)


STEPS: tuple[tuple[str, Step], ...] = (
    ("begin", lambda publisher, version, _: publisher.begin(version)),
    ("factors", _factors),
    ("lists", _lists(0)),
    ("other lists", _lists(1)),
    ("similar", _similar),
    ("manifest", _manifest),
    ("pointer", _pointer),
    ("prune", _prune),
)


def publish(publisher: Publisher, version: str, kill_before: str = "") -> None:
    """Take all steps, or those before the one at which this process ends as if by `kill -9`."""
    before = publisher.current_version()
    for name, step in STEPS:
        if name == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        step(publisher, version, before)


if __name__ == "__main__":
    url, new_version, killed_before = sys.argv[1:]
    publish(Publisher.of(TrainingSettings(redis_url=url, redis_shards=2)), new_version, killed_before)
