"""Remembers that a source has been replayed whole, so that a restart does not send it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from clients.whole_file import write_whole


@dataclass(frozen=True)
class ReplayedMark:
    """A file that holds the fingerprint of the last source that was acknowledged whole."""

    path: Path
    fingerprint: str
    earlier: str | None = None  # the fingerprint of the same source by an earlier version

    def is_there(self) -> bool:
        """Whether this very source has been replayed before."""
        return self.path.exists() and self.path.read_text().strip() in (self.fingerprint, self.earlier)

    def write(self) -> None:
        """Remember the source; the file is replaced whole."""
        write_whole(self.path, self.fingerprint + "\n")


def fingerprint(source: str, *options: object) -> str:
    """A digest of a source's name, options, file sizes and file times: a changed source is replayed again."""
    path = Path(source)
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return hashlib.sha256(repr((source, options, stats)).encode()).hexdigest()
