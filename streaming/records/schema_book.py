"""What all queries of this process know of a registry's schemas, also of those registered while it runs.

A record of an unknown schema makes its reader ask the registry again, before anything is done with the
record's batch. If the registry does not have the schema even then, the records that are on the topic by now
are refused, and that is stored in the lake's folder: each query, also after a restart, decides the same about
each record, whenever it reads it and whatever is registered meanwhile. Later records are asked for again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable

from pyspark.sql import DataFrame, SparkSession

from clients.stored_files import StoredFiles
from clients.topic_admin import topic_ends
from contracts.settings import StreamingSettings
from contracts.topics import PartitionOffsets, interaction_offsets
from streaming.records.frames import Refusals, undecided_schemas, unframe
from streaming.records.known_schemas import known_schemas

log = logging.getLogger("headwater.records")
_FOLDER = "_refused_schemas"
_ASK_SECONDS = 1.0  # the least time between two questions


class SchemaBook:
    """Of one process; its queries share it. Raises SchemaRegistryError where the registry does not answer."""

    def __init__(
        self,
        files: StoredFiles,
        settings: StreamingSettings,
        ends: Callable[[StreamingSettings], PartitionOffsets] = topic_ends,
    ) -> None:
        self._files, self._settings, self._ends = files, settings, ends
        self._folder = f"{settings.lake_uri.rstrip('/')}/{_FOLDER}"
        self._lock = threading.Lock()
        self._known = known_schemas(settings)
        self._asked = time.monotonic()
        self._refused = self._read_refusals()

    def unframe(self, records: DataFrame) -> DataFrame:
        """Framed records as JSON, by what is known now (streaming/records/frames.py)."""
        return unframe(records, self._known, self._refused)

    def decide(self, records: DataFrame) -> None:
        """Ask for the schemas of these records that nothing is known about; to be called before `unframe`."""
        if undecided := undecided_schemas(records, self._known, self._refused):
            self.ask(undecided)

    def ask(self, numbers: Iterable[int]) -> None:
        """Ask the registry again, at most once a second; refuse what it does not have."""
        with self._lock:
            time.sleep(max(0.0, self._asked + _ASK_SECONDS - time.monotonic()))
            self._known = known_schemas(self._settings)
            self._asked = time.monotonic()
            missing = sorted(set(numbers) - self._known.keys())
            if not missing:
                log.info("schemas %s were registered while streaming runs", sorted(numbers))
                return
            before = interaction_offsets(self._ends(self._settings))
            for number in missing:
                self._refuse(number, before)
            log.warning("the registry does not have schemas %s: their records are refused", missing)

    def _refuse(self, number: int, before: dict[int, int]) -> None:
        known = self._refused.get(number, {})
        later = {partition: max(end, known.get(partition, 0)) for partition, end in before.items()}
        old = [name for name in self._files.names(self._folder) if name.startswith(f"{number}-")]
        # A name that is new, so that a kill never leaves half of what was decided earlier.
        self._files.write(f"{self._folder}/{number}-{time.time_ns()}.json", json.dumps(later))
        for name in old:
            self._files.delete(f"{self._folder}/{name}")
        self._refused = {**self._refused, number: later}

    def _read_refusals(self) -> Refusals:
        found: dict[int, dict[int, int]] = {}
        for name in self._files.names(self._folder):
            if not name.endswith(".json"):
                continue  # a kill left it half written; nothing was done by it
            bounds = found.setdefault(int(name.split("-")[0]), {})
            for partition, end in json.loads(self._files.read(f"{self._folder}/{name}")).items():
                bounds[int(partition)] = max(end, bounds.get(int(partition), 0))
        return found


_books: dict[tuple[str, ...], SchemaBook] = {}
_opening = threading.Lock()


def schema_book(spark: SparkSession, settings: StreamingSettings) -> SchemaBook:
    """The process's book for this registry and lake."""
    secret = settings.schema_registry_user_info
    key = (
        settings.schema_registry_url,
        secret.get_secret_value() if secret else "",
        settings.event_mapping_file,
        settings.lake_uri,
        *settings.schema_registry_subjects,
    )
    with _opening:
        if key not in _books:
            _books[key] = SchemaBook(StoredFiles(spark), settings)
        return _books[key]
