"""Prepares files for the engine: unpacks archives, and turns other compressions and encodings into UTF-8
text.

Plain, gzipped and zstd-packed UTF-8 is read where it lies. Everything else is written to the scratch folder
first, which takes as much disk as the content.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.files.first_bytes import (
    CUT_OFF,
    PARQUET_MAGIC,
    UNREADABLE,
    Packing,
    head_of,
    is_text,
    open_packed,
    packing_of,
    packing_of_bytes,
)
from ingest.files.rejected_lines import NoTableError, SourceError
from ingest.files.text_encoding import UTF8, as_utf8, encoding_of, encoding_of_head

_MOST_UNPACKED_BYTES = 200_000_000_000
_BLOCK = 1 << 20
_IS_ENCRYPTED = 1  # the bit of a zip member's flags
_UNPACKED = "unpacked-"
_LEFT_ASIDE = ("__MACOSX", ".DS_Store")


@dataclass(frozen=True)
class Content:
    """One file's content: where to read it, how it is compressed there, and its first bytes."""

    named: Path  # the file's name in messages
    path: Path  # where it is read
    packing: Packing
    encoding: str  # of the named file
    head: bytes  # the first bytes, in UTF-8 unless it is Parquet

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.head.startswith(PARQUET_MAGIC)

    @property
    def text(self) -> str:
        """The head as text, without its last line if that is cut off."""
        text = self.head.decode(UTF8, "replace").lstrip("﻿")
        whole = text.rfind("\n") + 1
        return text[:whole] if whole and len(self.head) > 100_000 else text

    @property
    def sample_lines(self) -> list[str]:
        """The first lines, without line ends."""
        return re.split(r"\r\n|\n|\r", self.text)

    @property
    def compression(self) -> str:
        """DuckDB's name of the compression."""
        return self.packing.value

    def ends_with(self, mark: bytes) -> bool:
        """Whether the text's last letter, blanks aside, is this one."""
        end = b""
        with open_packed(self.path, self.packing) as file:
            if self.packing is Packing.NONE:
                file.seek(-min(_BLOCK, self.path.stat().st_size), os.SEEK_END)
            while block := file.read(_BLOCK):
                end = (end + block).rstrip()[-1:]
        return end == mark

    def lines(self) -> Iterator[bytes]:
        """All physical lines of the text, with their line ends."""
        with open_packed(self.path, self.packing) as file:
            yield from file


def shown_name(text: str) -> str:
    """A path, or a message with paths, as people know it: an archive's member without the scratch folder."""
    return re.sub(rf"[^\s']*/{_UNPACKED}\d+/", "", text)


def content_of(path: Path, scratch: Path, encoding: str | None = None) -> Content:
    """The content of a file that is not an archive. ``encoding`` overrides what its bytes show.

    Raises SourceError for a file that is empty, damaged or in a format that is not read.
    """
    packing = packing_of(path)
    head = head_of(path, packing)
    inner = packing_of_bytes(head)
    if packing in (Packing.ZIP, Packing.TAR) or inner is Packing.TAR:
        raise NoTableError(f"{path} is an archive among other files: unpack it, or name it alone")
    if packing is not Packing.NONE and inner is not Packing.NONE:
        raise NoTableError(f"{path} is packed twice: unpack it once")
    if head.startswith(PARQUET_MAGIC):
        return Content(path, path, packing, "Parquet", head)
    if packing is Packing.ZSTD:
        _check_end(path)
    shown = encoding or encoding_of_head(head)
    if shown is None and not is_text(head):
        raise NoTableError(f"{path} is in no format that can be read: its content is not text")
    content = Content(path, path, packing, UTF8, head)
    if shown is None and not _is_utf8(head):
        return recode(content, scratch)  # the bytes that are not UTF-8 may be in the header
    if shown not in (None, UTF8, "utf-8-sig"):
        return recode(content, scratch, shown)
    if packing in (Packing.BZIP2, Packing.XZ):
        return recode(content, scratch, UTF8)
    return content


def _check_end(path: Path) -> None:
    """Raise SourceError for a file that zstd packed and that is cut off, which DuckDB would not notice."""
    try:
        with open_packed(path, Packing.ZSTD) as file:
            while file.read(_BLOCK):
                pass
    except UNREADABLE as error:
        raise SourceError(f"{path} {CUT_OFF.format(error)}") from error


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder(UTF8)().decode(head)  # the head may end within a letter
    except UnicodeDecodeError:
        return False
    return True


def recode(content: Content, scratch: Path, encoding: str | None = None) -> Content:
    """Make a copy in UTF-8. Without an ``encoding``, find it from the whole text. Raises SourceError."""
    target = scratch / f"text-{len(list(scratch.iterdir()))}"
    named = content.named
    try:
        if encoding is None:
            with open_packed(named, content.packing) as file:
                encoding = encoding_of(file)
        with open_packed(named, content.packing) as file:
            as_utf8(file, encoding, target)
    except (*UNREADABLE, LookupError) as error:
        raise SourceError(f"{named} cannot be read as {encoding}: {error}") from error
    with target.open("rb") as file:
        head = file.read(len(content.head))
    return replace(content, path=target, packing=Packing.NONE, encoding=encoding, head=head)


def unpack(path: Path, scratch: Path) -> Path | None:
    """Unpack an archive and return its folder; None for a file that is not an archive.

    Raises SourceError for a damaged archive, for one that leads out of its folder, and for an Excel workbook.
    """
    packing = packing_of(path)
    if packing is Packing.ZIP:
        return _unzip(path, scratch)
    if packing in (Packing.GZIP, Packing.BZIP2, Packing.XZ, Packing.TAR):
        is_tar = packing is Packing.TAR or head_of(path, packing)[257:262] == b"ustar"
        return _untar(path, scratch) if is_tar else None
    return None


def _unzip(path: Path, scratch: Path) -> Path:
    folder = _folder_for(path, scratch)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names or "mimetype" in names:
                raise SourceError(
                    f"{path} is a workbook or another office document: save the sheet as CSV UTF-8"
                )
            if any(member.flag_bits & _IS_ENCRYPTED for member in archive.infolist()):
                raise SourceError(f"{path} is a zip archive with a password: unpack it, and name its folder")
            if sum(member.file_size for member in archive.infolist()) > _MOST_UNPACKED_BYTES:
                raise SourceError(f"{path} would unpack to more than {_MOST_UNPACKED_BYTES:,} bytes")
            for member in archive.infolist():
                if not member.is_dir() and not member.filename.startswith(_LEFT_ASIDE):
                    archive.extract(member, folder)  # leaves out what leads out of the folder
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *UNREADABLE) as error:
        raise SourceError(f"{path} {CUT_OFF.format(error)}") from error
    return _as_old_as(path, folder)


def _untar(path: Path, scratch: Path) -> Path:
    folder = _folder_for(path, scratch)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
                source = archive.extractfile(member) if member.isfile() and inside else None
                if source is None:
                    continue
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (tarfile.TarError, *UNREADABLE) as error:
        raise SourceError(f"{path} {CUT_OFF.format(error)}") from error
    return _as_old_as(path, folder)


def _folder_for(path: Path, scratch: Path) -> Path:
    folder = scratch / f"{_UNPACKED}{len(list(scratch.iterdir()))}" / path.name
    folder.mkdir(parents=True)
    return folder


def _as_old_as(path: Path, folder: Path) -> Path:
    """Give the unpacked files the archive's time: rows without a time take it, so it must never change."""
    modified = path.stat().st_mtime_ns
    for file in folder.rglob("*"):
        os.utime(file, ns=(modified, modified))
    return folder
