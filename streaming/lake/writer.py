"""Lets only one streaming service at a time write to a lake: the one named in a file of the lake's folder.

Two services with the same checkpoints cannot double a row, since Delta recognises their batches. With
different checkpoints, or with another Redis and so another lease, they could. The last service to start
writes; the other one ends.
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
        """Make this process the one that writes."""
        self._files.replace(self._uri, json.dumps({"writer": self._name}))

    def check(self) -> None:
        """To be called before each batch. Raises ReplacedWriterError if another process has taken over.

        A deleted file is written again; one that is only half written is ignored until the next batch.
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
