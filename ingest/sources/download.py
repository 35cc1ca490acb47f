"""Downloads a MovieLens data set, verifies it and unpacks it. The data stays under its own licence.

Errors:  DownloadError   one sentence that says what to do
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

DEFAULT_BASE_URL = "https://files.grouplens.org/datasets/movielens/"
BASE_URL_VARIABLE = "MOVIELENS_BASE_URL"
LICENCE = (
    "MovieLens is (c) GroupLens, University of Minnesota: free for research, with acknowledgement "
    "(Harper and Konstan 2015, https://doi.org/10.1145/2827872); commercial use and redistribution need "
    "GroupLens' permission. The README in the data set has the full terms."
)
_BLOCK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30.0
_MOST_UNPACKED_BYTES = 4_000_000_000


class Checksum(NamedTuple):
    """A digest and its algorithm."""

    algorithm: str
    digest: str


# Used if the site has no NAME.zip.md5 beside the archive.
DATASETS: dict[str, Checksum] = {
    "ml-latest-small": Checksum("sha256", "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"),
    "ml-1m": Checksum("md5", "c4d9eecfca2ab87c1945afe126590906"),
    "ml-20m": Checksum("md5", "cd245b17a1ae2cc31bb14903e1204af3"),
    "ml-32m": Checksum("md5", "d472be332d4daa821edc399621853b57"),
}
Progress = Callable[[int, int | None], None]  # bytes so far, total bytes if known


class DownloadError(Exception):
    """The data set could not be downloaded, verified or unpacked. Nothing is left behind."""


def download(name: str, folder: Path, base_url: str, progress: Progress = lambda done, total: None) -> Path:
    """Download ``NAME.zip`` from ``base_url``, verify its checksum, unpack it into ``folder``, return the new
    folder.

    The new folder appears only once it is complete. Raises DownloadError.
    """
    if name not in DATASETS:
        raise DownloadError(f"{name!r} is not known; choose one of {', '.join(DATASETS)}")
    target = folder / name
    if target.exists():
        raise DownloadError(f"{target} exists already: ingest it, or remove it to download it again")
    url = f"{base_url.rstrip('/')}/{name}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as scratch:
        archive = Path(scratch) / f"{name}.zip"
        expected = _published_checksum(url) or DATASETS[name]
        _fetch(url, archive, progress)
        _verify(archive, expected, url)
        unpacked = Path(scratch) / "unpacked"
        _unpack(archive, unpacked)
        whole = unpacked / name
        os.replace(whole if whole.is_dir() else unpacked, target)
    return target


def _published_checksum(url: str) -> Checksum | None:
    """The md5 that the site publishes beside the archive; None if it publishes none."""
    try:
        with urllib.request.urlopen(f"{url}.md5", timeout=_TIMEOUT_SECONDS) as answer:
            text = answer.read(1000).decode("ascii", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from error
    found = re.search(r"\b[0-9a-fA-F]{32}\b", text)
    return Checksum("md5", found.group().lower()) if found else None


def _unreachable(url: str, error: Exception) -> DownloadError:
    return DownloadError(
        f"{url} cannot be fetched ({error}): check the network, or name a mirror with --base-url or "
        f"{BASE_URL_VARIABLE}"
    )


def _fetch(url: str, archive: Path, progress: Progress) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, archive.open("wb") as file:
            length = answer.headers.get("Content-Length")
            total, done = int(length) if length else None, 0
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                progress(done, total)
    except urllib.error.HTTPError as error:
        error.close()
        raise _unreachable(url, error) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error
    if total is not None and done != total:
        raise DownloadError(f"{url} broke off after {done:,} of {total:,} bytes: try again")


def _verify(archive: Path, expected: Checksum, url: str) -> None:
    digest = hashlib.new(expected.algorithm, usedforsecurity=False)
    with archive.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    if digest.hexdigest() != expected.digest:
        raise DownloadError(
            f"{url} has the {expected.algorithm} {digest.hexdigest()} instead of {expected.digest}: "
            "the file is damaged or not the expected one; try again"
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the archive. Raises DownloadError if it is damaged, too large or leads out of ``folder``."""
    root = folder.resolve()
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > _MOST_UNPACKED_BYTES:
                raise DownloadError(
                    f"{archive.name} would unpack to more than {_MOST_UNPACKED_BYTES:,} bytes"
                )
            for member in members:
                path = (root / member.filename).resolve()
                if not path.is_relative_to(root):
                    raise DownloadError(
                        f"{archive.name} holds {member.filename!r}, which leads out of its folder"
                    )
                path.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise DownloadError(f"{archive.name} is not a complete zip archive ({error}): try again") from error
