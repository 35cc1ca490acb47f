"""The record of a service's processes, <data-dir>/run/<name>.json, by which a later command can stop them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from clients.whole_file import write_whole
from stack.processes.identity import Identity

FORMAT = 1  # records without a format were written before there was one, and are read as 1


@dataclass(frozen=True)
class ServiceRecord:
    """A service's process, and the processes that it has started since: a JVM, Python workers."""

    name: str
    process: Identity
    started_later: tuple[Identity, ...] = ()

    def encode(self) -> str:
        """One JSON object; a process is its pid and its start time."""
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "process": self.process.encode(),
                "started_later": [process.encode() for process in self.started_later],
            }
        )

    @classmethod
    def decode(cls, text: str) -> ServiceRecord:
        """Read a record's text. Raises ValueError, KeyError or TypeError where it is not a record."""
        raw = json.loads(text)
        return cls(
            name=str(raw["name"]),
            process=Identity.decode(raw["process"]),
            started_later=tuple(map(Identity.decode, raw["started_later"])),
        )

    def write(self, run_dir: Path) -> None:
        """Write the record's file, atomically."""
        write_whole(run_dir / f"{self.name}.json", self.encode())

    @classmethod
    def read(cls, path: Path) -> ServiceRecord | None:
        """Read a record's file; None where it is not whole (the machine lost power while writing it)."""
        try:
            return cls.decode(path.read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None
