from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.exposures.count import ExposureCount, begin_count, dead_counts
from tests.serving.conftest import settings_of


def losses(folder: Path) -> list[int]:
    return [dead.lost for dead in dead_counts(folder)]


def test_the_count_of_a_killed_process_says_what_was_not_settled(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from serving.exposures.count import ExposureCount\n"
        "count = ExposureCount(Path(sys.argv[1]))\n"
        "[count.note(1) for _ in range(1000)]\n"
        "count.settle(600)\n"
        "count.drop(100)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert losses(tmp_path) == losses(tmp_path) == [300]  # until somebody has kept it


def test_api_and_sender_count_in_the_same_file_and_its_process_is_dead_when_both_are(tmp_path: Path) -> None:
    api = ExposureCount(tmp_path)
    api.note(9)
    sender = ExposureCount.of_api(os.dup(api.descriptor))
    sender.settle(4)
    sender.drop(2)
    assert (api.settled_lists, api.dropped_lists, api.unsettled_lists) == (6, 2, 3)
    api.close()
    assert losses(tmp_path) == []  # the sender may still send them
    sender.settle(1)
    sender.close()
    assert losses(tmp_path) == [2]


def test_a_process_that_lives_has_lost_nothing(tmp_path: Path) -> None:
    count = ExposureCount(tmp_path)
    count.note(5)
    assert losses(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 1
    count.close()
    assert losses(tmp_path) == [5]


def test_a_process_that_has_sent_everything_leaves_no_file(tmp_path: Path) -> None:
    count = ExposureCount(tmp_path)
    count.note(5)
    count.settle(5)
    count.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"hwcount1", b"hwcount9" + bytes(range(16)), b"x" * 24])
def test_a_file_that_is_no_count_is_deleted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1-a.count").write_bytes(content)
    assert losses(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept_and_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin_count(settings_of(exposures=True)).close()
    begin_count(settings_of(exposures=False, exposure_counts_dir=str(tmp_path))).close()
    assert (list(tmp_path.iterdir()), caplog.text) == ([], "")
    (tmp_path / "file").touch()
    count = begin_count(settings_of(exposures=True, exposure_counts_dir=str(tmp_path / "file")))
    assert "EXPOSURE_COUNTS_DIR" in caplog.text
    count.note(1)
    assert count.unsettled_lists == 1
    count.close()
