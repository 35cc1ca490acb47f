"""Copies folders between this machine and S3 by Arrow's client, without Spark."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from pyarrow import fs

from clients.storage.s3_options import for_arrow
from contracts.settings import S3Settings


class S3Folders:
    """Folders in S3. A failure raises OSError."""

    def __init__(self, settings: S3Settings) -> None:
        self._files = fs.S3FileSystem(**for_arrow(settings))

    def holds(self, uri: str, name: str) -> bool:
        """Whether a folder holds a file."""
        (found,) = self._files.get_file_info([f"{_place(uri)}/{name}"])
        return bool(found.type == fs.FileType.File)

    def download(self, uri: str, target: Path) -> None:
        """Copy all files of a folder, into a new folder on this machine."""
        place = _place(uri)
        for path in self._paths(place):
            file = target / PurePosixPath(path).relative_to(place)
            file.parent.mkdir(parents=True, exist_ok=True)
            with self._files.open_input_stream(path) as source, file.open("wb") as copy:
                shutil.copyfileobj(source, copy)

    def upload(self, folder: Path, uri: str, last: str) -> None:
        """Make a folder in S3 hold the files of one on this machine and no others, ``last`` written last."""
        place = _place(uri)
        for path in self._paths(place):
            self._files.delete_file(path)
        files = (path for path in folder.rglob("*") if path.is_file())
        for file in sorted(files, key=lambda path: (path.name == last, path)):
            path = f"{place}/{file.relative_to(folder).as_posix()}"
            with file.open("rb") as source, self._files.open_output_stream(path) as copy:
                shutil.copyfileobj(source, copy)

    def _paths(self, place: str) -> list[str]:
        found = self._files.get_file_info(fs.FileSelector(place, recursive=True, allow_not_found=True))
        return [entry.path for entry in found if entry.type == fs.FileType.File]


def _place(uri: str) -> str:
    """A folder's bucket and path, as Arrow writes them."""
    return uri.removeprefix("s3a://").rstrip("/")
