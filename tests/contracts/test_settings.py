from __future__ import annotations

import pytest
from pydantic import ValidationError

from contracts.settings import KafkaSettings, RedisSettings, ServingSettings, TrainingSettings


def test_a_setting_comes_from_the_environment_and_an_empty_one_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("KAFKA_CLIENT", "")
    assert KafkaSettings().kafka_bootstrap_servers == "a:1,b:2"
    assert KafkaSettings().kafka_client == "kafka-python"


@pytest.mark.parametrize(
    ("name", "value"), [("KAFKA_CLIENT", "carrier-pigeon"), ("API_PORT", "70000"), ("REDIS_SHARDS", "0")]
)
def test_a_wrong_setting_is_refused_with_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        ServingSettings()


def test_the_redis_address_hides_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@h:1/0")
    assert "hunter2" not in repr(RedisSettings())
    assert "hunter2" in RedisSettings().redis_url.get_secret_value()


def test_settings_that_hold_tables_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATING_STRENGTHS", '{"0": -1, "4": 3}')
    assert TrainingSettings().rating_strengths == {0.0: -1.0, 4.0: 3.0}
