from __future__ import annotations

from pathlib import Path

import pytest
import redis

from contracts.exposures import sum_of_losses
from contracts.stored import keyspace
from serving.exposures.count import ExposureCount
from serving.exposures.losses import LostExposures
from serving.redis.store import Store
from tests.serving.conftest import through_store


def dead_process(folder: Path, lists: int) -> bytes:
    """Leave the file of a process that lost lists; its content."""
    count = ExposureCount(folder)
    count.note(lists)
    count.close()
    (path,) = folder.iterdir()
    return path.read_bytes()


def total_after_a_look(redis_url: str, folder: Path) -> float:
    """The number of lost lists in /metrics after a look."""

    async def look(store: Store) -> float:
        lost = LostExposures(store, folder)
        await lost.refresh()
        (family,) = lost.collect()
        return float(family.samples[0].value)

    return float(through_store(redis_url, look))


def test_the_loss_of_a_dead_process_is_kept_once_even_if_its_file_is_found_again(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert total_after_a_look(redis_url, tmp_path) == 0
    content = dead_process(tmp_path, 7)
    (path,) = tmp_path.iterdir()
    assert total_after_a_look(redis_url, tmp_path) == 7
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(content)  # as by a process that was killed before it deleted the file
    assert total_after_a_look(redis_url, tmp_path) == 7
    assert caplog.text.count("up to 7 lists are lost") == 1
    dead_process(tmp_path, 5)
    assert total_after_a_look(redis_url, tmp_path) == 12
    with redis.Redis.from_url(redis_url) as client:
        loss = sum_of_losses(client.hgetall(keyspace.LOST_EXPOSURES))
    assert loss.lists == 12
    assert loss.found_at > 0


def test_a_folder_that_cannot_be_read_ends_nothing(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1-a.count").mkdir()
    assert total_after_a_look(redis_url, tmp_path) == 0
    assert "is not counted" in caplog.text
