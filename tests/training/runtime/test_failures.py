from __future__ import annotations

import pytest

from training.registry.outcome import TrainingError
from training.runtime.failures import explain


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("java.io.IOException: No space left on device\n\tat java.base", "The disk is full"),
        (
            "[FAILED_READ_FILE.FILE_NOT_EXIST] part-1.parquet does not exist",
            "the next round reads the newest",
        ),
        ("org.apache.hadoop: Mkdirs failed to create file:/x", "cannot be written to"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "REDIS_MEMORY_BUDGET"),
        ("java.lang.OutOfMemoryError: Java heap space", "SPARK_DRIVER_MEMORY"),
        ("x.parquet is not a Parquet file. expected magic number", "restore it from a backup"),
    ],
)
def test_what_can_be_put_right_is_told_with_its_cure(text: str, cure: str) -> None:
    found = explain(RuntimeError(f"An error occurred.\n: {text}"))
    assert found is not None
    assert cure in str(found)
    assert "old model stays served" in str(found)
    assert "\n" not in str(found)


def test_a_training_error_explains_itself_and_another_is_not_hidden() -> None:
    error = TrainingError("lower TOP_N")
    assert explain(error) is error
    assert explain(ZeroDivisionError("division by zero")) is None
