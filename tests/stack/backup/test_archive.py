from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from stack.backup.archive import FORMAT, BackupError, Summary, open_archive, write_archive


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    keys, folder, target = tmp_path / "keys", tmp_path / "v1", tmp_path / "made" / "backup.tar"
    keys.write_bytes(b"keys" * 3000)
    (folder / "items").mkdir(parents=True)
    (folder / "items" / "part.parquet").write_bytes(b"items")
    write_archive(target, a_summary(), keys, {"v1": folder})
    return target


def a_summary(**fields: object) -> Summary:
    whole = {"made_at": "t", "headwater": "1", "shards": 1, "served": "v1", "versions": {"v1": 1.5}}
    return Summary.model_validate({**whole, "model_files": True, **fields})


def test_a_written_backup_is_read_and_only_its_owner_may_read_it(backup: Path) -> None:
    with open_archive(backup) as (summary, folder):
        assert summary.versions == {"v1": 1.5}
        assert (folder / "redis.parquet").read_bytes() == b"keys" * 3000
        assert (folder / "models" / "v1" / "items" / "part.parquet").read_bytes() == b"items"
    assert not folder.exists()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == ["backup.tar"]


@pytest.mark.parametrize("left", [0, 100, 6000, 13_000, 14_500])
def test_a_truncated_file_is_refused(backup: Path, left: int) -> None:
    backup.write_bytes(backup.read_bytes()[:left])
    with pytest.raises(BackupError, match="use an earlier one"), open_archive(backup):
        pass


def test_a_flipped_byte_is_refused(backup: Path) -> None:
    content = bytearray(backup.read_bytes())
    content[content.index(b"keyskeys") + 5000] ^= 1
    backup.write_bytes(content)
    with pytest.raises(BackupError, match=r"damaged \(redis\.parquet\)"), open_archive(backup):
        pass


def test_the_backup_of_a_newer_headwater_is_refused_as_such(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(b"")
    write_archive(tmp_path / "b", a_summary(format=FORMAT + 1), keys, {})
    with pytest.raises(BackupError, match="a newer Headwater wrote it"), open_archive(tmp_path / "b"):
        pass


@pytest.mark.parametrize("name", ["../out", "/tmp/out"])
def test_no_member_is_unpacked_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "b", "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(BackupError, match="no member of a backup"), open_archive(tmp_path / "b"):
        pass


def test_the_error_for_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="name a file"), open_archive(tmp_path / "absent"):
        pass
