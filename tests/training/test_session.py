from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from training.session import give_back_memory

_MB = 2**20


def test_what_a_round_leaves_behind_is_collected_in_python_and_in_the_jvm(spark: SparkSession) -> None:
    context = spark.sparkContext
    assert context._gateway is not None
    assert context._jvm is not None
    runtime = context._jvm.java.lang.Runtime.getRuntime()

    def used() -> int:
        return int(runtime.totalMemory() - runtime.freeMemory()) // _MB

    give_back_memory(spark)
    before = used()
    filled: list[Any] = [context._gateway.new_array(context._jvm.byte, 128 * _MB) for _ in range(4)]
    filled.append(filled)  # as references between frames do: only Python's collector finds it gone
    assert used() > before + 400
    del filled
    give_back_memory(spark)
    assert used() < before + 100
