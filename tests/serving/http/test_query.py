from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from serving.http.problems import ProblemError
from serving.http.query import QueryReader, with_bounded_n
from tests.serving.conftest import settings_of


class Query(BaseModel):
    """A query with one number, one text and one list."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(10, description="How many")
    name: str = ""
    tags: tuple[str, ...] = ()


def request(text: bytes) -> Request:
    return Request({"type": "http", "query_string": text, "headers": []})


def test_equal_query_strings_are_parsed_once() -> None:
    reader = QueryReader(Query)
    assert reader(request(b"n=5")) is reader(request(b"n=5"))


def test_a_list_collects_every_value_and_a_single_parameter_takes_the_last_one() -> None:
    query = QueryReader(Query)(request(b"name=a&tags=x&name=b&tags=y"))
    assert (query.name, query.tags) == ("b", ("x", "y"))


def test_a_long_query_string_is_parsed_each_time_and_not_cached() -> None:
    reader, text = QueryReader(Query), b"name=" + b"x" * 400
    assert reader(request(text)) == reader(request(text))
    assert reader(request(text)) is not reader(request(text))


def test_the_settings_limit_n() -> None:
    reader = QueryReader(with_bounded_n(Query, settings_of(max_n=3)))
    assert reader(request(b"")).n == 3
    with pytest.raises(ProblemError) as caught:
        reader(request(b"n=4"))
    assert [pointer for pointer, _ in caught.value.errors] == ["/query/n"]


def test_the_openapi_document_names_every_parameter() -> None:
    parameters = QueryReader(Query).openapi["parameters"]
    assert [each["name"] for each in parameters] == ["n", "name", "tags"]
    assert all(each["in"] == "query" for each in parameters)
