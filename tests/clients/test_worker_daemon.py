from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from clients.worker_daemon import PRELOADED, ending_with_its_connection


@pytest.mark.slow
def test_no_module_that_is_imported_before_the_forks_starts_a_thread() -> None:
    code = f"import {', '.join(PRELOADED)}, psutil; print(psutil.Process().num_threads())"
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as our sessions set it for their workers
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_spark_forks_its_workers_from_the_daemon(spark: SparkSession) -> None:
    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"parent": [" ".join(psutil.Process().parent().cmdline())]})

    rows = spark.range(1).mapInArrow(look, "parent STRING").collect()
    assert "clients.worker_daemon" in rows[0].parent


def test_a_worker_whose_connection_spark_closes_ends_and_other_errors_are_raised() -> None:
    def worker(connection: socket.socket, authenticated: bool) -> int:
        if connection.recv(1) == b"":
            raise EOFError
        if authenticated:
            raise ValueError("a defect")
        return 0

    work = ending_with_its_connection(worker)
    ours, sparks = socket.socketpair()
    with ours, sparks:
        sparks.sendall(b"12")
        assert work(ours, False) == 0
        with pytest.raises(ValueError, match="a defect"):
            work(ours, True)
        sparks.close()
        assert work(ours, True) != 0
