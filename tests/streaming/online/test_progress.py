from __future__ import annotations

from typing import Any

from streaming.online.progress import BatchProgress
from streaming.online.rows import RecordRow

NOTHING: dict[str, Any] = dict.fromkeys(RecordRow._fields)


def row(partition: str, offset: int, through: int) -> RecordRow:
    return RecordRow(**NOTHING | {"partition": partition, "offset": offset, "through": through})


def test_a_batch_reaches_as_far_as_its_accepted_and_rejected_records() -> None:
    progress = BatchProgress()
    rows = [row("interactions:2", 8, 80), row("catalog:0", 1, 60), row("interactions:2", 7, 70)]
    progress.add_rows(rows)
    assert progress.first == {"interactions:2": 7, "catalog:0": 1}
    assert progress.next == {"interactions:2": 9, "catalog:0": 2}
    assert (progress.through, progress.records) == (80, 3)


def test_reports_of_tasks_add_up() -> None:
    progress = BatchProgress()
    progress.add("interactions:0", first_offset=5, next_offset=9, through=7, records=4)
    progress.add("interactions:0", first_offset=3, next_offset=5, through=9, records=2)
    assert (progress.first, progress.next) == ({"interactions:0": 3}, {"interactions:0": 9})
    assert (progress.through, progress.records) == (9, 6)
