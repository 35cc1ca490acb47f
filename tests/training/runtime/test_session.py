from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from training.runtime.session import give_back_memory


def test_garbage_of_a_round_is_collected_in_python_and_in_the_jvm(spark: SparkSession) -> None:
    jvm: Any = spark.sparkContext._jvm
    held: list[Any] = [jvm.java.util.ArrayList()]
    seen = jvm.java.lang.ref.WeakReference(held[0])
    held.append(held)  # as references between frames do: only Python's collector finds it gone
    jvm.java.lang.System.gc()
    assert seen.get() is not None
    del held
    give_back_memory(spark)
    assert seen.get() is None
