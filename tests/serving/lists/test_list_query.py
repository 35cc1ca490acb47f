from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from serving.http.problems import ProblemError
from serving.http.query import QueryReader, with_bounded_n
from serving.lists.list_query import ListQuery
from tests.serving.conftest import settings_of


def read(text: str | bytes, **settings: object) -> ListQuery:
    raw = text.encode() if isinstance(text, str) else text
    reader = QueryReader(with_bounded_n(ListQuery, settings_of(**settings)))
    return reader(Request({"type": "http", "query_string": raw, "headers": []}))


def test_parameters_are_parsed_and_lists_may_be_repeated() -> None:
    query = read("n=5&exclude=a&exclude=b+c&known=keep&diversity=.5&n=6&filter=a+%3D+1")
    assert (query.n, query.exclude, query.known, query.diversity) == (6, ("a", "b c"), "keep", 0.5)
    assert query.options.exclude == {"a", "b c"}
    assert query.options.known == "keep"
    assert query.options.matching is not None


def test_the_default_n_is_at_most_the_largest_n() -> None:
    assert read("").n == 10
    assert read("", max_n=3).n == 3
    with pytest.raises(ProblemError):
        read("n=4", max_n=3)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("n=x", "/query/n"),
        ("n=", "/query/n"),
        ("n=1e2", "/query/n"),
        ("exclude=", "/query/exclude/0"),
    ],
)
def test_the_error_names_an_invalid_parameter(text: str, pointer: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(text)
    assert [pointer for pointer, _ in caught.value.errors] == [pointer]


@given(st.binary(max_size=60) | st.text("n=&%;+exclude0123é", max_size=60))
def test_any_bytes_are_parsed_as_a_query_or_refused(text: Any) -> None:
    try:
        assert read(text).n >= 1
    except ProblemError as problem:
        status = problem.status
        if status != 422:
            raise


def test_the_document_describes_every_parameter() -> None:
    parameters = QueryReader(ListQuery).openapi["parameters"]
    assert {each["name"] for each in parameters} == set(ListQuery.model_fields)
    assert all(each["in"] == "query" and each["schema"].get("description") for each in parameters)
