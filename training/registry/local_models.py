"""Reads, checks and deletes models' folders on this machine, without starting Spark."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlparse

from clients.whole_file import sha256_of
from contracts.stored.manifest import Manifest
from training.registry.outcome import DamagedModelError, parse_manifest

MANIFEST = "manifest.json"  # the last file of a version's folder to be written


def local_folder(models_uri: str, version: str) -> Path | None:
    """The version's folder; None where MODELS_URI is not a path on this machine."""
    parsed = urlparse(models_uri)
    if parsed.scheme not in ("", "file"):
        return None
    return Path(parsed.path) / version


def check(models_uri: str, version: str, manifest: Manifest) -> None:
    """Compare the files with the manifest's checksums. A folder that is not on this machine is left to Spark.

    Raises DamagedModelError.
    """
    found = checksums(models_uri, version)
    if found is not None and manifest.checksums is not None:
        compare(models_uri, version, manifest.checksums, found)


def checksums(models_uri: str, version: str) -> dict[str, str] | None:
    """SHA-256 of every Parquet file by its path within the version; None where the folder is elsewhere."""
    folder = local_folder(models_uri, version)
    if folder is None:
        return None
    return {str(path.relative_to(folder)): sha256_of(path) for path in folder.rglob("*.parquet")}


def compare(models_uri: str, version: str, written: dict[str, str], found: dict[str, str]) -> None:
    """Raises DamagedModelError if a file is missing, new, or does not have the content that was written."""
    wrong = sorted(name for name in written.keys() | found.keys() if written.get(name) != found.get(name))
    if wrong:
        raise damaged_error(models_uri, version, ", ".join(wrong))


def damaged_error(models_uri: str, version: str, what: str) -> DamagedModelError:
    """The error for a damaged version, which names the cure."""
    return DamagedModelError(
        f"Model {version} in {models_uri} is damaged ({what}): restore it from a backup, or train again. "
        "It is not used; the served model stays"
    )


def read_manifest(models_uri: str, version: str) -> Manifest | None:
    """The manifest in the version's folder; None if it is not there. Raises as `outcome.parse_manifest`."""
    folder = local_folder(models_uri, version)
    if folder is None or not (folder / MANIFEST).is_file():
        return None
    return parse_manifest((folder / MANIFEST).read_text(), version)


def delete(models_uri: str, version: str) -> None:
    """Delete the folder if it is on this machine."""
    folder = local_folder(models_uri, version)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
