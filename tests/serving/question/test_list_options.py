"""What a client may ask of a list, over a real Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.question.expression import parse
from tests.serving.conftest import Client
from tests.serving.requests import ANN, ids
from tests.serving.world import labelled_world


def test_filters_hold_for_every_kind_of_list_and_the_list_is_filled_up(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert await ids(client) == ["i10", "i11", "i05", "i04", "i07"]
            assert await ids(client, known="keep") == ["i00", "i10", "i11", "i01", "i05"]
            assert await ids(client, exclude=["i10", "i05"]) == ["i11", "i04", "i07", "i06", "i09"]
            assert await ids(client, filter="category = Comedy") == ["i11", "i05", "i07", "i09", "i13"]
            late = "year >= 2015 and not category = Comedy"
            assert await ids(client, filter=late) == ["i26", "i28"]
            dramas = await ids(client, "/v1/users/nobody/recommendations", filter="category = Drama")
            assert dramas == ["i00", "i04", "i06", "i08", "i10"]
            similar = await ids(client, "/v1/items/i00/similar", exclude=["i02"])
            assert similar == ["i01"]

    asyncio.run(scenario())


def test_consecutive_pages_of_a_list_neither_overlap_nor_leave_a_gap(redis_url: str, api: Client) -> None:
    labelled_world().write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            for options in ({}, {"diversity": 0.5}, {"per_category": 2}):
                whole = await ids(client, n=20, **options)
                pages = [await ids(client, offset=start, **options) for start in range(0, 20, 5)]
                assert [item for page in pages for item in page] == whole
            second = (await client.get(ANN, params={"n": 2, "offset": 2})).json()
            assert (second["offset"], [item["rank"] for item in second["items"]]) == (2, [3, 4])
            assert await ids(client, offset=10_000) == []

    asyncio.run(scenario())


def test_diversity_and_limits_mix_the_categories(redis_url: str, api: Client) -> None:
    made = labelled_world()
    made.top = {"ann": [(f"i{i:02}", 1 - i / 100) for i in range(4, 30, 2)]}  # Drama throughout
    made.write(redis_url)

    async def scenario() -> None:
        async with api(redis_url) as client:
            assert all(int(item[1:]) % 2 == 0 for item in await ids(client))
            mixed = await ids(client, diversity=0.8, n=4)
            assert mixed[0] == "i04"
            assert {int(item[1:]) % 2 for item in mixed} == {0, 1}
            capped = await ids(client, per_category=2, n=4)
            assert [int(item[1:]) % 2 for item in capped] == [0, 0, 1, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"filter": "category ="}, "/query/filter"),
        ({"offset": -1}, "/query/offset"),
        ({"diversity": 1.1}, "/query/diversity"),
        ({"diversity": "nan"}, "/query/diversity"),
        ({"per_category": 0}, "/query/per_category"),
        ({"known": "maybe"}, "/query/known"),
        ({"exclude": [""]}, "/query/exclude/0"),
        ({"exclude": ["x"] * 101}, "/query/exclude"),
    ],
)
def test_the_error_names_an_option_that_is_out_of_bounds(
    api: Client, query: dict[str, Any], pointer: str
) -> None:
    async def scenario() -> None:
        async with api() as client:
            response = await client.get(ANN, params=query)
            assert response.status_code == 422
            assert response.json()["errors"][0]["pointer"] == pointer

    asyncio.run(scenario())


def test_the_filter_expression_in_the_documentation_is_valid() -> None:
    parse("category = Comedy and not year < 1990")
