from __future__ import annotations

import json

import pytest

from contracts.stored.ingest_progress import IngestProgress


def test_an_encoded_progress_is_decoded_unchanged() -> None:
    progress = IngestProgress(
        sent=9,
        acknowledged=8,
        failed=1,
        rejected_lines=2,
        catalog_sent=3,
        catalog_acknowledged=4,
        seconds=1.5,
        events_per_second=5,
        done=True,
    )
    assert IngestProgress.decode(progress.encode()) == progress
    assert json.loads(progress.encode())["format"] == 1


def test_a_file_without_a_format_number_is_read() -> None:
    old = (
        '{"sent": 7500, "acknowledged": 7500, "failed": 0, "rejected_lines": 0, "catalog_sent": 600, '
        '"catalog_acknowledged": 600, "seconds": 1.7, "events_per_second": 4412, "done": true}\n'
    )
    assert IngestProgress.decode(old) == IngestProgress(
        sent=7500,
        acknowledged=7500,
        catalog_sent=600,
        catalog_acknowledged=600,
        seconds=1.7,
        events_per_second=4412,
        done=True,
    )


@pytest.mark.parametrize("text", ["", '{"sent": 1', "[1]", "3"])
def test_a_text_that_is_not_a_progress_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        IngestProgress.decode(text)
