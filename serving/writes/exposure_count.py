"""A process counts in a small file what it shows and what becomes of it, so that its death loses no count.

The file is mapped into memory: to count takes no system call, and the kernel keeps what was written when the
process is killed (not when the machine loses power). The process holds a lock on its file, and the kernel
gives that back with the process, so an unlocked file is that of a dead one, in whichever container it ran.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from contracts.settings import ServingSettings

_log = logging.getLogger(__name__)
_FORM = b"hwcount1"
_COUNTS = struct.Struct("<8sQQ")  # form, lists noted, lists settled (sent or counted as dropped)
_NUMBER = struct.Struct("<Q")
_NOTED_AT, _SETTLED_AT = 8, 16
_ENDING = ".count"


class DeadCount(NamedTuple):
    """What a process that has ended left behind."""

    name: str  # of the process, among all that ever ran
    lost: int  # lists of which nobody knows that they are in the topic
    path: Path


class ExposureCount:
    """The count of one process. Not safe for threads: the event loop alone counts."""

    def __init__(self, folder: Path) -> None:
        """Begin a file in the folder. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
        self._path, new = folder / f"{name}{_ENDING}", folder / f".{name}.new"
        self._noted = self._settled = 0
        self._file = new.open("w+b")
        # Written and not only made longer: writing to a hole of a full disk would kill the process.
        self._file.write(_COUNTS.pack(_FORM, 0, 0))
        self._file.flush()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._map = mmap.mmap(self._file.fileno(), _COUNTS.size)
        new.rename(self._path)  # nobody sees it without its lock

    def note(self, lists: int) -> None:
        """Count lists that were shown."""
        self._noted += lists
        _NUMBER.pack_into(self._map, _NOTED_AT, self._noted)

    def settle(self, lists: int) -> None:
        """Count lists that Kafka has taken, or that are counted as dropped."""
        self._settled += lists
        _NUMBER.pack_into(self._map, _SETTLED_AT, self._settled)

    def close(self) -> None:
        """Give the file back; it stays where lists are not settled, for the next process to say so."""
        self._map.close()
        if self._noted == self._settled:
            with suppress(OSError):
                self._path.unlink()
        self._file.close()


def begin_count(settings: ServingSettings) -> ExposureCount | None:
    """This process' count; None where the settings name no folder, or the folder cannot be written."""
    folder = settings.exposure_counts_dir
    if folder is None or not settings.exposures:
        return None
    try:
        return ExposureCount(folder)
    except OSError as error:
        _log.warning(
            "if this process is killed, nobody can say what it had shown: EXPOSURE_COUNTS_DIR %s: %s",
            folder,
            error.strerror,
        )
        return None


def dead_counts(folder: Path) -> Iterator[DeadCount]:
    """The counts of processes that have ended, oldest first. Raises OSError.

    Those that lost nothing, and files that are no counts, are deleted here; the others by who has kept the
    number, with ``path``.
    """
    for path in sorted(folder.glob(f"*{_ENDING}")):
        # Another process may be as fast and delete the file.
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lost = _missing_lists(file.read(_COUNTS.size))
            if lost:
                yield DeadCount(path.name.removesuffix(_ENDING), lost, path)
            else:
                path.unlink(missing_ok=True)


def _missing_lists(content: bytes) -> int:
    if len(content) != _COUNTS.size:
        return 0
    form, noted, settled = _COUNTS.unpack(content)
    return max(0, noted - settled) if form == _FORM else 0
