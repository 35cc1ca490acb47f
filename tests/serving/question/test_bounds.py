from __future__ import annotations

import re

import pytest

from contracts.events import MAX_ID_LENGTH
from contracts.settings import ServingSettings
from serving.question.bounds import ID_SCHEMA, IdConvertor, LastIdConvertor, length_bounds


def test_the_settings_limit_the_length_of_a_list() -> None:
    ten, few = (length_bounds(ServingSettings(max_n=n)) for n in (1000, 3))
    assert (ten.default, few.default) == (10, 3)  # type: ignore[attr-defined]


@pytest.mark.parametrize("user_id", ["7", "a/b", "ü\n", "history", "x/historyx", "x/history/y"])
def test_any_text_can_be_an_id_at_the_end_of_a_path(user_id: str) -> None:
    for convertor in (IdConvertor(), LastIdConvertor()):
        assert re.fullmatch(convertor.regex, user_id)
        assert convertor.to_string(convertor.convert(user_id)) == user_id


@pytest.mark.parametrize("route", ["recommendations", "history", "because", "similar", "estimate", "rank"])
def test_the_path_of_another_route_is_not_read_as_an_id(route: str) -> None:
    assert not re.fullmatch(LastIdConvertor.regex, f"7/{route}")


def test_the_document_bounds_ids_as_events_do() -> None:
    assert ID_SCHEMA["maxLength"] == MAX_ID_LENGTH
    assert not re.search(str(ID_SCHEMA["pattern"]), "a\tb")
