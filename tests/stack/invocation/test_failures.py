from __future__ import annotations

from importlib import import_module

import pytest
import redis
from kafka.errors import KafkaConnectionError
from pydantic import BaseModel, ValidationError

from clients.event_producer import BrokerUnavailableError
from contracts.settings import RedisSettings, ServingSettings
from stack.invocation.failures import DESCRIPTIONS, FAILED, NO_SERVER, in_words


def test_the_error_names_a_redis_that_does_not_answer_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://user:secret@127.0.0.1:7/0")
    for error in (redis.ConnectionError("refused"), redis.TimeoutError("slow")):
        failure = in_words(error)
        assert failure is not None
        assert failure.code == NO_SERVER
        assert "at 127.0.0.1:7" in failure.sentence
        assert "headwater up" in failure.sentence
        assert "secret" not in failure.sentence


@pytest.mark.parametrize(
    "error", [KafkaConnectionError(), BrokerUnavailableError("x:1"), ConnectionRefusedError(111, "refused")]
)
def test_a_missing_server_gives_exit_code_3_and_a_cure(error: Exception) -> None:
    failure = in_words(error)
    assert failure is not None
    assert failure.code == NO_SERVER
    assert "headwater up" in failure.sentence


def test_the_error_names_a_wrong_setting_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SHARDS", "s3cret")
    with pytest.raises(ValidationError) as caught:
        RedisSettings()
    failure = in_words(caught.value)
    assert failure is not None
    assert failure.code == FAILED
    assert "REDIS_SHARDS" in failure.sentence
    assert "s3cret" not in failure.sentence


def test_the_error_names_settings_that_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUBJECT_KEY", "k" * 32)
    monkeypatch.delenv("API_KEY", raising=False)
    with pytest.raises(ValidationError) as caught:
        ServingSettings()
    failure = in_words(caught.value)
    assert failure is not None
    assert "SUBJECT_KEY needs API_KEY" in failure.sentence


def test_the_error_names_a_missing_file() -> None:
    failure = in_words(FileNotFoundError(2, "No such file or directory", "/no/such"))
    assert failure is not None
    assert failure.sentence.startswith("/no/such: No such file or directory")


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    class Record(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Record(number="no number")  # type: ignore[arg-type]
    for error in (caught.value, KeyError("x"), ValueError("x"), redis.ResponseError("WRONGTYPE")):
        assert in_words(error) is None


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_error_class_that_is_matched_by_name_exists(name: str) -> None:
    module, _, error = name.rpartition(".")
    found = getattr(import_module(module), error)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


def test_the_error_names_a_missing_package_and_the_extra_that_installs_it() -> None:
    failure = in_words(ModuleNotFoundError("No module named 'no_spark.sql'", name="no_spark.sql"))
    assert failure is not None
    assert failure.code == FAILED
    assert "needs the Python package no_spark," in failure.sentence
    assert "headwater[stack]" in failure.sentence


def test_a_missing_module_of_ours_is_a_defect_with_a_traceback() -> None:
    assert in_words(ModuleNotFoundError("No module named 'stack.nowhere'", name="stack.nowhere")) is None
