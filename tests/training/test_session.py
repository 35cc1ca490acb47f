from __future__ import annotations

from pyspark.sql import SparkSession

from training.session import give_back_memory

_MB = 2**20


def test_a_rounds_garbage_is_collected_at_once(spark: SparkSession) -> None:
    context = spark.sparkContext
    assert context._gateway is not None
    assert context._jvm is not None
    runtime = context._jvm.java.lang.Runtime.getRuntime()

    def used() -> int:
        return int(runtime.totalMemory() - runtime.freeMemory()) // _MB

    give_back_memory(spark)
    before = used()
    filled = [context._gateway.new_array(context._jvm.byte, 128 * _MB) for _ in range(4)]
    assert used() > before + 400
    filled.clear()
    give_back_memory(spark)
    assert used() < before + 100
