from __future__ import annotations

import re
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.runtime.batch_errors import LONGEST, BatchFailedError, shorten, with_short_errors

NO_BATCH = cast(Any, None)
FRAMES = "\n".join(f"\tat org.apache.spark.Some.method{n}(Some.scala:{n})" for n in range(500))
JAVA = f"An error occurred while calling o1.save.\n: org.apache.spark.SparkException: no\n{FRAMES}\n"
INTERRUPTED = f"{JAVA}Caused by: java.lang.InterruptedException\n{FRAMES}"


def test_a_long_error_keeps_its_causes_and_the_first_frames_of_each() -> None:
    def write(batch: object, batch_id: int) -> None:
        raise RuntimeError(INTERRUPTED)

    with pytest.raises(BatchFailedError) as failed:
        with_short_errors(write)(NO_BATCH, 1)
    text = str(failed.value)
    assert len(text) <= LONGEST
    # Spark searches for this in the error of a stopped query.
    assert re.search(r"An error occurred while calling(.|\n)*java.lang.InterruptedException", text)
    assert text.count("\tat ") == 6
    assert failed.value.__suppress_context__


def test_a_short_error_is_raised_unchanged_and_a_batch_without_an_error_raises_none() -> None:
    def write(batch: object, batch_id: int) -> None:
        if batch_id:
            raise ValueError("short")

    with_short_errors(write)(NO_BATCH, 0)
    with pytest.raises(ValueError, match="short"):
        with_short_errors(write)(NO_BATCH, 1)


@given(st.lists(st.sampled_from(["\tat a.b(c)", "Caused by: x", "text"]), max_size=40))
def test_only_stack_frames_are_left_out(lines: list[str]) -> None:
    kept = shorten("\n".join(lines)).splitlines()
    assert [each for each in kept if not each.startswith("\t")] == [
        each for each in lines if not each.startswith("\t")
    ]
