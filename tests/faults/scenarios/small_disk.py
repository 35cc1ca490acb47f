"""A disk of a few megabytes that can be filled: a tmpfs, which root may mount on Linux."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.scenarios.scenario import CannotRunHereError

_MEGABYTES = 192
_BLOCK = b"\0" * (1 << 20)


class SmallDisk:
    """What is mounted at a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all the space that is left."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for block in (_BLOCK, b"\0" * 4096, b"\0"):
                try:
                    while ballast.write(block) == len(block):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount one at the folder, which is made. Raises CannotRunHereError where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotRunHereError("there is no `mount` here") from error
    if done.returncode or not os.path.ismount(folder):
        raise CannotRunHereError(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
