"""The class-data archive of Spark's JVM: classes that were loaded once are mapped, not parsed and verified.

A start of Spark loads some 20,000 classes from 300 jars; with the archive it takes a third less CPU time
until its first results. The archive is made once, by Spark at work on next to nothing. It belongs to one Java
and to these jars exactly: its name is a digest of both and of that work, so another Java or jar finds none
and starts without.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pyspark

from stack.machine.cache import cache_dir
from stack.machine.jars import jars_dir
from stack.machine.java import Java

OFF = "HEADWATER_NO_CLASS_DATA"  # if set, no archive is made or used
_KEPT = 2  # archives of 200 MB each; a new virtual environment needs a new one
_SECONDS = 600.0  # fifteen are usual on two idle cores


def archive_path(java: Java, folders: Sequence[Path] | None = None) -> Path:
    """The path of the archive for this Java and these jars, whether it exists or not."""
    digest = hashlib.sha256(f"{java.home} {java.version}".encode())
    digest.update(Path(__file__).with_name("class_data_workload.py").read_bytes())
    for folder in folders or (Path(pyspark.__file__).parent / "jars", jars_dir("spark")):
        # Real paths, so that checkouts that link to one environment share one archive.
        for jar in sorted(folder.resolve().glob("*.jar")):
            found = jar.stat()
            digest.update(f"{jar} {found.st_size} {found.st_mtime_ns}\n".encode())
    return cache_dir() / "class-data" / f"spark-{digest.hexdigest()[:16]}.jsa"


def usable_archive(java: Java) -> Path | None:
    """The archive for this Java; None where there is none."""
    path = archive_path(java)
    return path if path.is_file() and not os.environ.get(OFF) else None


def ensure_archive(java: Java, say: Callable[[str], None]) -> Path | None:
    """Make the archive if it is missing. If that fails, say why and return None: all works without it."""
    path = archive_path(java)
    if os.environ.get(OFF):
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_file():
            return path
        say("Making an archive of Spark's classes, so that it starts faster (once) ...")
        reason = _make(java, path)
        if reason:
            say(f"No archive was made, so Spark starts as slowly as before: {reason}")
            return None
        _forget_old(path.parent)
    return path


def _make(java: Java, path: Path) -> str | None:
    """Make the archive; the reason if that failed, else None."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "stack.machine.class_data_workload",
        str(jars_dir("spark")),
        str(partial),
    ]
    environment = {**os.environ, "JAVA_HOME": str(java.home)}
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode or not partial.is_file():
            said = (done.stderr or done.stdout).strip().splitlines()
            return said[-1] if said else f"exit code {done.returncode}"
        os.replace(partial, path)  # in one step, because a JVM that maps half an archive crashes
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        partial.unlink(missing_ok=True)
    return None


def _forget_old(folder: Path) -> None:
    by_age = sorted(folder.glob("spark-*.jsa"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_age[_KEPT:]:
        path.unlink(missing_ok=True)
