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
        ("a process that computed a part of the work ended with -9: if memory", "lower TRAIN_MEMORY"),
        ("[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `user_id` cannot be resolved", "change it back"),
        ("x.parquet is not a Parquet file. expected magic number", "restore it from a backup"),
    ],
)
def test_an_error_that_the_operator_can_fix_names_its_cure(text: str, cure: str) -> None:
    found = explain(RuntimeError(f"An error occurred.\n: {text}"))
    assert found is not None
    assert cure in str(found)
    assert "old model stays served" in str(found)
    assert "\n" not in str(found)


def test_a_training_error_is_shown_as_a_sentence_and_other_errors_keep_their_traceback() -> None:
    error = TrainingError("lower TOP_N")
    assert explain(error) is error
    assert explain(ZeroDivisionError("division by zero")) is None
