from __future__ import annotations

import pytest

from contracts.settings import StreamingSettings
from streaming.session import streaming_conf

MANAGER = "spark.sql.streaming.checkpointFileManagerClass"


@pytest.mark.parametrize(
    ("uri", "is_local"), [("data/checkpoints", True), ("file:///data", True), ("s3a://bucket/c", False)]
)
def test_only_local_checkpoints_are_written_by_the_plain_file_manager(uri: str, is_local: bool) -> None:
    assert (MANAGER in streaming_conf(StreamingSettings(checkpoints_uri=uri))) == is_local


def test_the_users_own_configuration_has_the_last_word() -> None:
    settings = StreamingSettings(spark_conf={"spark.scheduler.mode": "FIFO"})
    assert streaming_conf(settings)["spark.scheduler.mode"] == "FIFO"
