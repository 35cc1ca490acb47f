"""The folders of models, on this machine or in S3: fetched for a backup, and written back by a restore."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from clients.storage.s3_folders import S3Folders
from contracts.settings import TrainingSettings, is_s3
from stack.backup.archive import BackupError
from training.registry import local_models
from training.registry.local_models import MANIFEST
from training.registry.outcome import DamagedModelError


def folders_here(settings: TrainingSettings, versions: Iterable[str], scratch: Path) -> dict[str, Path]:
    """The versions' folders on this machine; those in S3 are copied below ``scratch``.

    A version without a folder is left out, and so are all where MODELS_URI is another store. Raises
    BackupError where S3 cannot be read.
    """
    if is_s3(settings.models_uri):
        return _from_s3(settings, versions, scratch)
    found = {version: local_models.local_folder(settings.models_uri, version) for version in versions}
    return {version: folder for version, folder in found.items() if folder and folder.is_dir()}


def put_back(settings: TrainingSettings, versions: Iterable[str], source: Path) -> list[str]:
    """Write the folders below ``source`` that are missing where the models lie. Returns their versions.

    Raises BackupError where S3 cannot be written.
    """
    held = [version for version in versions if (source / version).is_dir()]
    if is_s3(settings.models_uri):
        return _to_s3(settings, held, source)
    done = []
    for version in held:
        target = local_models.local_folder(settings.models_uri, version)
        if target is None or target.exists():
            continue
        beside = target.with_name(f".{version}.restored")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(source / version, beside)
        beside.rename(target)
        done.append(version)
    return done


def _from_s3(settings: TrainingSettings, versions: Iterable[str], scratch: Path) -> dict[str, Path]:
    found = {}
    try:
        store = S3Folders(settings)
        for version in versions:
            if not store.holds(_uri(settings, version), MANIFEST):
                continue
            store.download(_uri(settings, version), scratch / version)
            manifest = local_models.read_manifest(str(scratch), version)
            if manifest is not None:
                local_models.check(str(scratch), version, manifest)
            found[version] = scratch / version
    except OSError as error:
        raise _unreachable(settings, error) from error
    except DamagedModelError as error:
        raise BackupError(
            f"MODELS_URI={settings.models_uri} holds a damaged version, or one that was pruned meanwhile "
            f"({error}): run `headwater backup` again"
        ) from error
    return found


def _to_s3(settings: TrainingSettings, versions: Iterable[str], source: Path) -> list[str]:
    done = []
    try:
        store = S3Folders(settings)
        for version in versions:
            # A folder without a manifest is one of a round that was killed, and is never used.
            if not store.holds(_uri(settings, version), MANIFEST):
                store.upload(source / version, _uri(settings, version), last=MANIFEST)
                done.append(version)
    except OSError as error:
        raise _unreachable(settings, error) from error
    return done


def _uri(settings: TrainingSettings, version: str) -> str:
    return f"{settings.models_uri.rstrip('/')}/{version}"


def _unreachable(settings: TrainingSettings, error: OSError) -> BackupError:
    return BackupError(
        f"MODELS_URI={settings.models_uri} cannot be reached ({error}): set S3_ENDPOINT, S3_REGION and the "
        "keys (docs/s3.md)"
    )
