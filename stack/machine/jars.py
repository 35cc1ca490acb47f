"""The broker's and Spark's jars: fetched once by the Ivy inside pyspark, checked against jars.lock, kept."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from clients.whole_file import sha256_of
from stack.machine.cache import cache_dir
from stack.machine.errors import StackError
from stack.machine.ivy import Progress, fetch

LOCK_FILE = Path(__file__).with_name("jars.lock")
_STAMPS = "verified.json"


class Jar(NamedTuple):
    """One line of jars.lock."""

    folder: str  # kafka, spark or s3
    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def path(self) -> str:
        """The jar's path in the cache's folder of jars."""
        return f"{self.folder}/{self.artifact}-{self.version}.jar"


def locked_jars(lock: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """Every jar that the project uses, with version and checksum."""
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return tuple(map(_parse, lines))


def needed_jars(with_s3: bool) -> tuple[Jar, ...]:
    """The jars to fetch: those for S3 only where something lies there."""
    return tuple(jar for jar in locked_jars() if with_s3 or jar.folder != "s3")


def jars_dir(folder: str = "") -> Path:
    """The folder with the jars of `kafka`, `spark` or `s3`."""
    return cache_dir() / "jars" / folder


def damaged_or_missing(jars: Sequence[Jar], root: Path) -> list[Jar]:
    """The jars that are missing, or whose checksum is not the locked one.

    A file is hashed only if its size or time has changed since the last check, so this is cheap.
    """
    stamps = _read_stamps(root)
    wrong, noted = [], {}
    for jar in jars:
        stamp = _stamp(root / jar.path, jar)
        if stamp is None or (stamps.get(jar.path) != stamp and sha256_of(root / jar.path) != jar.sha256):
            wrong.append(jar)
        else:
            noted[jar.path] = stamp
    if noted != stamps and root.is_dir():
        _write_atomically(root / _STAMPS, json.dumps(noted))
    return wrong


def ensure_jars(progress: Progress, root: Path | None = None, jars: Sequence[Jar] | None = None) -> int:
    """Fetch the jars that are missing or damaged (of all but those for S3, if none are given); how many were.

    Raises StackError where a jar cannot be fetched or has another checksum than the locked one.
    """
    where = root or jars_dir()
    wanted = needed_jars(with_s3=False) if jars is None else jars
    where.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(where):
        wrong = damaged_or_missing(wanted, where)
        if not wrong:
            return 0
        with tempfile.TemporaryDirectory(dir=where) as partial:
            ivy_cache = where / "ivy-cache"  # kept after an interruption, so that the next run continues
            fetch(
                [(j.folder, j.group, j.artifact, j.version) for j in wrong],
                ivy_cache,
                Path(partial),
                progress,
            )
            try:
                for jar in wrong:
                    _accept(jar, Path(partial), where)
            finally:
                shutil.rmtree(ivy_cache, ignore_errors=True)
        damaged_or_missing(wanted, where)
    return len(wrong)


def _parse(line: str) -> Jar:
    folder, coordinates, sha256, size = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(folder, group, artifact, version, sha256, int(size))


def _accept(jar: Jar, partial: Path, root: Path) -> None:
    fetched = partial / jar.path
    if not fetched.is_file():
        raise StackError(f"{jar.path} could not be fetched: connect to the network and run `headwater setup`")
    if sha256_of(fetched) != jar.sha256:
        raise StackError(
            f"{jar.path} was fetched but its sha256 is not the one in stack/machine/jars.lock: "
            "a proxy or mirror changed it; run `headwater setup` on another network"
        )
    target = root / jar.path
    target.parent.mkdir(exist_ok=True)
    os.replace(fetched, target)


def _stamp(path: Path, jar: Jar) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns] if found.st_size == jar.size else None


def _read_stamps(root: Path) -> dict[str, list[int]]:
    try:
        stamps: dict[str, list[int]] = json.loads((root / _STAMPS).read_text())
    except (OSError, ValueError):
        return {}
    return stamps


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
