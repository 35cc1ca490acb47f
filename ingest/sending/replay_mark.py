"""Remembers that all of a source has been replayed, so that a restart does not send it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from clients.whole_file import write_whole


@dataclass(frozen=True)
class ReplayedMark:
    """A file with the fingerprint of the last source of which Kafka acknowledged every event."""

    path: Path
    fingerprint: str
    earlier: str | None = None  # the fingerprint that an earlier version gave the same source

    def is_there(self) -> bool:
        """Whether this source, unchanged, has been replayed before."""
        return self.path.exists() and self.path.read_text().strip() in (self.fingerprint, self.earlier)

    def write(self) -> None:
        """Remember the source. The file is replaced atomically."""
        write_whole(self.path, self.fingerprint + "\n")


def fingerprint(source: str, *options: object) -> str:
    """A digest of a source's name, options, file sizes and file times, so that a change replays it again."""
    path = Path(source)
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return hashlib.sha256(repr((source, options, stats)).encode()).hexdigest()
