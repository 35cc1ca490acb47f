"""An API process and its sender count in a small file what was shown and what became of it, so that the death
of either loses no count.

The file is mapped into the memory of both: to count takes no system call, and the kernel keeps what was
written when a process is killed (not when the machine loses power). Both hold one lock on the file, and the
kernel gives that back with the last of them, so an unlocked file is that of dead processes, in whichever
container they ran.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import secrets
import struct
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from contracts.settings import ServingSettings

_log = logging.getLogger(__name__)
_FORM = b"hwcount1"
_COUNTS = struct.Struct("=8sQQ")  # form, lists noted, lists settled (sent or counted as dropped)
_SIZE = 32  # behind it, how many of the settled ones were dropped: only the two living processes read that
_NOTED, _SETTLED, _DROPPED = 1, 2, 3  # places, in words of 8 bytes
_ENDING = ".count"


class DeadCount(NamedTuple):
    """What a process that has ended left behind."""

    name: str  # of the process, among all that ever ran
    lost: int  # lists of which nobody knows that they are in the topic
    path: Path


class ExposureCount:
    """The count of one API process and its sender. The API notes, the sender settles; where there is no
    sender, the API does. So each number has one writer, whose writes the other sees whole."""

    def __init__(self, folder: Path | None) -> None:
        """Begin a file in the folder, or one without a name. Raises OSError."""
        self._path: Path | None = None
        if folder is None:
            self._begin(_nameless_file())
            return
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns() // 1_000_000}-{secrets.token_hex(4)}"
        new = folder / f".{name}.new"
        self._begin(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        self._path = new.rename(folder / f"{name}{_ENDING}")  # nobody sees it without its lock

    @classmethod
    def of_api(cls, descriptor: int) -> ExposureCount:
        """The count that the API has begun and this process, its sender, has inherited."""
        count = cls.__new__(cls)
        count._path = None
        count._map(descriptor)
        return count

    def _begin(self, descriptor: int) -> None:
        # Written and not only made longer: writing to a hole of a full disk would kill the process.
        os.write(descriptor, _COUNTS.pack(_FORM, 0, 0).ljust(_SIZE, b"\0"))
        self._map(descriptor)

    def _map(self, descriptor: int) -> None:
        self.descriptor = descriptor  # for the sender to inherit
        self._close_file = weakref.finalize(self, os.close, descriptor)
        self._bytes = mmap.mmap(descriptor, _SIZE)
        self._words = memoryview(self._bytes).cast("Q")

    @property
    def settled_lists(self) -> int:
        """Lists that Kafka has taken, or that are counted as dropped."""
        return self._words[_SETTLED]

    @property
    def dropped_lists(self) -> int:
        """Those of the settled lists that Kafka has not taken."""
        return self._words[_DROPPED]

    @property
    def unsettled_lists(self) -> int:
        """Lists that were noted and are not settled."""
        return self._words[_NOTED] - self._words[_SETTLED]

    def note(self, lists: int) -> None:
        """Count lists that were shown."""
        self._words[_NOTED] += lists

    def settle(self, lists: int) -> None:
        """Count lists that Kafka has taken."""
        self._words[_SETTLED] += lists

    def drop(self, lists: int) -> None:
        """Count lists that Kafka has not taken, or not acknowledged."""
        self._words[_DROPPED] += lists
        self._words[_SETTLED] += lists

    def close(self) -> None:
        """Give the file back; it stays where lists are not settled, for the next process to say so."""
        is_settled = not self.unsettled_lists
        self._words.release()
        self._bytes.close()
        if is_settled and self._path is not None:
            with suppress(OSError):
                self._path.unlink()
        self._close_file()


def _nameless_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("exposure-count")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def begin_count(settings: ServingSettings) -> ExposureCount:
    """This process' count; nobody else finds it where the settings name no folder, or one that cannot be
    written."""
    folder = settings.exposure_counts_dir if settings.exposures else None
    try:
        return ExposureCount(folder)
    except OSError as error:
        _log.warning(
            "if this process is killed, nobody can say what it had shown: EXPOSURE_COUNTS_DIR %s: %s",
            folder,
            error.strerror,
        )
        return ExposureCount(None)


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
