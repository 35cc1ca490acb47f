"""The file of a backup: a tar with the keys of Redis, the models' folders and, as its last member, a summary.

The summary names every other member with its SHA-256, so a file that was cut off or changed is refused.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ValidationError

from clients.whole_file import replace_whole, sha256_of
from stack.machine.errors import StackError

FORMAT = 1
SUMMARY, KEYS, MODELS = "backup.json", "redis.parquet", "models"
_CHUNK = 1 << 20
_NEW_FILE = os.O_CREAT | os.O_WRONLY | os.O_TRUNC


class Summary(BaseModel):
    """What a backup holds. ``format`` counts incompatible changes of the file."""

    format: int = FORMAT
    made_at: str  # ISO 8601, UTC
    headwater: str  # the version that wrote it
    shards: int  # REDIS_SHARDS: the names of keys depend on it
    served: str | None  # the model version that was served
    versions: dict[str, float]  # each whole version -> when its round began (epoch seconds)
    model_files: bool  # whether the versions' folders are in it; False where MODELS_URI is another store
    counts: dict[str, int] = {}  # how many of each kind the backup holds, for its message
    sha256: dict[str, str] = {}  # by member


class BackupError(StackError):
    """A backup that cannot be made or used; one sentence with its cure."""


def write_archive(target: Path, summary: Summary, keys: Path, folders: Mapping[str, Path]) -> Summary:
    """Write a temporary file, readable by its owner only, and move it to ``target`` once it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {KEYS: keys}
    for version, folder in folders.items():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[f"{MODELS}/{version}/{path.relative_to(folder).as_posix()}"] = path
    with replace_whole(target) as part, open(os.open(part, _NEW_FILE, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            whole = summary.model_copy(
                update={"sha256": {name: _add_file(tar, name, path) for name, path in files.items()}}
            )
            _add_bytes(tar, SUMMARY, whole.model_dump_json(indent=2).encode())
        out.flush()
        os.fsync(out.fileno())
    return whole


@contextmanager
def open_archive(source: Path) -> Iterator[tuple[Summary, Path]]:
    """The summary, and a temporary folder with the members. Raises BackupError."""
    if not source.is_file():
        raise BackupError(f"no backup {source}: name a file that `headwater backup` wrote")
    with TemporaryDirectory(prefix="headwater-restore-") as scratch:
        folder = Path(scratch)
        try:
            with tarfile.open(source) as tar:
                for member in tar:
                    _extract(tar, member, folder)
            summary = Summary.model_validate(_parse(folder / SUMMARY))
        except (tarfile.TarError, OSError, EOFError, ValidationError, ValueError) as error:
            raise BackupError(f"{source} is no whole backup ({error}): use an earlier one") from error
        _check_members(source, summary, folder)
        yield summary, folder


def _parse(path: Path) -> Any:
    if not path.is_file():
        raise ValueError("it ends before its summary")
    found = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise BackupError(
            f"the backup has format {found['format']}, and this Headwater reads formats up to {FORMAT}: "
            "a newer Headwater wrote it, so update this one"
        )
    return found


def _check_members(source: Path, summary: Summary, folder: Path) -> None:
    there = {str(p.relative_to(folder).as_posix()): p for p in folder.rglob("*") if p.is_file()}
    there.pop(SUMMARY)
    wrong = sorted(
        name
        for name in there.keys() | summary.sha256.keys()
        if name not in there or summary.sha256.get(name) != sha256_of(there[name])
    )
    if wrong:
        raise BackupError(
            f"{source} is damaged ({', '.join(wrong[:3])}): nothing was restored, use an earlier one"
        )


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(member.name)
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{member.name!r} is no member of a backup")
    path = folder.joinpath(*name.parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        while chunk := content.read(_CHUNK):
            out.write(chunk)


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> str:
    digest = sha256_of(path)
    tar.add(path, arcname=name, recursive=False)
    return digest


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(content), int(time.time())
    tar.addfile(member, io.BytesIO(content))
