"""One streaming service at a time writes to a lake: the one whose name is in the lake's folder.

Two services with the same checkpoints cannot double a row, since Delta knows their batches. With other
checkpoints, or with another Redis and so another lease, they can. The last one to start writes; the other
one ends.
"""

from __future__ import annotations

import json
from uuid import uuid4

from clients.stored_files import StoredFiles

_FILE = "_streaming.json"
TAKEN = (
    "another streaming service writes to this lake (LAKE_URI) since: two would append the same events. "
    "Stop one of them"
)


class ReplacedWriterError(RuntimeError):
    """Another service has taken over the lake."""


class LakeWriter:
    """Of one process."""

    def __init__(self, files: StoredFiles, lake_uri: str) -> None:
        self._files, self._uri = files, f"{lake_uri.rstrip('/')}/{_FILE}"
        self._name = str(uuid4())

    def take_over(self) -> None:
        """Say that this process writes from now on."""
        self._files.replace(self._uri, json.dumps({"writer": self._name}))

    def check(self) -> None:
        """Before each batch. Raises ReplacedWriterError where another process has taken over since.

        A file that is gone is written again; one that is being written says nothing before the next batch.
        """
        try:
            writer = json.loads(self._files.read(self._uri)).get("writer")
        except FileNotFoundError:
            self.take_over()
            return
        except ValueError:
            return
        if writer != self._name:
            raise ReplacedWriterError(TAKEN)
