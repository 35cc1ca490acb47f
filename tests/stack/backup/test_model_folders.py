"""Folders of models in a real S3 server: fetched for a backup, and written back where they are missing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from clients.storage.s3_folders import S3Folders
from contracts.settings import TrainingSettings
from stack.backup.archive import BackupError
from stack.backup.model_folders import folders_here, put_back
from stack.machine.ports import LOOPBACK, free_port
from tests.manifests import a_manifest
from tests.s3_server import make_bucket, running_s3

pytestmark = pytest.mark.servers
BUCKET = "headwater-backup"


def _settings(endpoint: str) -> TrainingSettings:
    return TrainingSettings(
        models_uri=f"s3a://{BUCKET}/some where/models/",
        s3_endpoint=endpoint,
        s3_path_style=True,
        s3_access_key_id="key",
        s3_secret_access_key=SecretStr("secret"),
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingSettings]:
    with running_s3(tmp_path_factory.mktemp("s3")) as endpoint:
        make_bucket(endpoint, BUCKET)
        yield _settings(endpoint)


def _write_version(folder: Path, version: str) -> dict[str, bytes]:
    """Write a version's folder, and return its files."""
    part = folder / version / "item_factors" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(version.encode() * 1000)
    checksum = hashlib.sha256(part.read_bytes()).hexdigest()
    manifest = a_manifest(version, checksums={"item_factors/part-0.parquet": checksum})
    (folder / version / "manifest.json").write_text(manifest.to_json())
    return _files(folder / version)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_in_s3_come_back_byte_for_byte_and_those_that_are_there_stay(
    settings: TrainingSettings, tmp_path: Path
) -> None:
    written = {version: _write_version(tmp_path / "made", version) for version in ("v1", "v2")}
    assert put_back(settings, ["v1", "v2", "not in the backup"], tmp_path / "made") == ["v1", "v2"]
    here = folders_here(settings, ["v1", "v2", "never made"], tmp_path / "fetched")
    assert {version: _files(folder) for version, folder in here.items()} == written
    assert put_back(settings, ["v1", "v2"], tmp_path / "made") == []
    # What a killed round left has no manifest: it is no folder for a backup, and a restore replaces it.
    shutil.rmtree(tmp_path / "made" / "v2" / "item_factors")
    left = tmp_path / "left"
    (left / "v3").mkdir(parents=True)
    (left / "v3" / "part-of-another.parquet").write_bytes(b"x")
    store = S3Folders(settings)
    store.upload(left / "v3", f"{settings.models_uri}v3", last="manifest.json")
    assert folders_here(settings, ["v3"], tmp_path / "again") == {}
    whole = _write_version(tmp_path / "made", "v3")
    assert put_back(settings, ["v3"], tmp_path / "made") == ["v3"]
    assert _files(folders_here(settings, ["v3"], tmp_path / "third")["v3"]) == whole


def test_a_damaged_folder_is_not_taken_into_a_backup(settings: TrainingSettings, tmp_path: Path) -> None:
    _write_version(tmp_path, "v4")
    (tmp_path / "v4" / "item_factors" / "part-0.parquet").write_bytes(b"other")
    put_back(settings, ["v4"], tmp_path)
    with pytest.raises(BackupError, match="holds a damaged version, or one that was pruned meanwhile"):
        folders_here(settings, ["v4"], tmp_path / "fetched")


def test_a_store_that_does_not_answer_is_named_with_the_settings(tmp_path: Path) -> None:
    settings = _settings(f"http://{LOOPBACK}:{free_port()}")
    with pytest.raises(BackupError, match=r"cannot be reached .*: set S3_ENDPOINT"):
        folders_here(settings, ["v1"], tmp_path)
