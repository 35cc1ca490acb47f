from __future__ import annotations

import subprocess
import sys

import pytest

_ASKED = """
import logging, subprocess, sys, time
from types import SimpleNamespace
from pyspark import SparkContext
from streaming.runtime.time_limit import end_in_time

logging.basicConfig()
if sys.argv[1] == "with-spark":
    SparkContext._gateway = SimpleNamespace(proc=subprocess.Popen(["sleep", "600"], stdout=sys.stdout))
end_in_time(0.1)
if sys.argv[2] == "hangs":
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("spark", "part"), [("with-spark", "hangs"), ("without-spark", "hangs"), ("without-spark", "ends")]
)
def test_a_process_that_does_not_end_in_time_is_ended_with_what_it_started_and_says_so(
    spark: str, part: str
) -> None:
    command = [sys.executable, "-c", _ASKED, spark, part]
    # It returns when nobody has the output open any more, so when the process that stands for Spark is gone.
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert ("ended without them" in done.stderr) == (part == "hangs")
