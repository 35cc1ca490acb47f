from __future__ import annotations

from streaming.lake.progress import next_offsets


def test_the_offsets_of_spark_become_one_number_for_each_partition() -> None:
    text = '{"interactions": {"0": 5, "1": 0}, "catalog": {"0": 7}}'
    expected = {"interactions:0": 5, "interactions:1": 0, "catalog:0": 7}
    assert next_offsets(text) == expected
    assert next_offsets({"interactions": {"0": 5, "1": 0}, "catalog": {"0": 7}}) == expected
