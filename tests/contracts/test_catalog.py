from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.catalog import CatalogEntry, content_of
from contracts.identifiers import canonical_id

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60)


@given(
    item=TEXT.filter(lambda text: canonical_id(text) == text),  # as every id that came in
    title=st.none() | TEXT,
    genres=st.lists(TEXT, max_size=5),
    attributes=st.dictionaries(TEXT, TEXT),
)
def test_an_entry_is_read_back_from_its_json_unchanged(
    item: str, title: str | None, genres: list[str], attributes: dict[str, str]
) -> None:
    entry = CatalogEntry(
        kind="item", id=item, title=title, categories=tuple(genres), attributes=attributes, updated_at=5
    )
    assert CatalogEntry.model_validate_json(entry.to_json()) == entry


def test_an_item_and_a_user_with_the_same_id_have_different_keys() -> None:
    assert CatalogEntry(kind="item", id="7").key == b"item:7"
    assert CatalogEntry(kind="user", id="7").key == b"user:7"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "shop"},
        {"id": ""},
        {"id": "a\nb"},
        {"title": "x" * 1025},
        {"categories": ["c"] * 65},
        {"more": 1},
    ],
)
def test_a_bad_entry_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CatalogEntry(**{"kind": "item", "id": "1", **change})


def test_an_entry_without_a_time_gets_the_present_time() -> None:
    assert CatalogEntry(kind="item", id="1").updated_at > 1_600_000_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"categories": ["c" * 129]},
        {"attributes": {str(n): "v" for n in range(65)}},
        {"attributes": {"": "v"}},
        {"attributes": {"n" * 129: "v"}},
        {"attributes": {"a": "v" * 1025}},
        {"attributes": {"a": None}},
    ],
)
def test_an_entry_beyond_the_bounds_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CatalogEntry.model_validate({"kind": "item", "id": "1", **change})


def test_null_means_the_same_as_an_absent_field() -> None:
    entry = CatalogEntry.model_validate({"kind": "item", "id": "1", "categories": None, "attributes": None})
    assert (entry.title, entry.categories, entry.attributes) == (None, (), {})


def test_the_content_of_an_entry_is_its_texts_its_numbers_and_its_embedding() -> None:
    attributes = {
        "year": "1979",
        "plot": "a ship",
        "published_at": "1970-01-02",
        "hidden": "true",
        "expires_at": "2030-01-01",
        "embedding": "[3, 4]",
        "weight": "1e400",
        "odd": "NaN",
    }
    found = content_of({"title": "Alien", "categories": ["Horror"], "attributes": attributes})
    assert found.title == "Alien"
    assert found.categories == ("Horror",)
    assert found.numbers == {"year": 1979.0, "published_at": 86_400_000.0}
    assert found.attributes == {"plot": "a ship", "weight": "1e400", "odd": "NaN"}
    assert found.embedding == pytest.approx([0.6, 0.8])
    assert content_of({"title": None, "categories": None, "attributes": None}) == content_of({})


@pytest.mark.parametrize("text", ["3, 4", "3 4", "3;4", " [3.0,4e0] ", "[3e200, 4e200]", "[3e-300, 4e-300]"])
def test_an_embedding_is_a_list_of_numbers_of_any_length(text: str) -> None:
    found = content_of({"attributes": {"embedding": text}})
    assert found.embedding == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[0, 0]",
        "[1, null]",
        "[[1], [2]]",
        "[oops",
        "a b",
        "[1, NaN]",
        "7e999",
        "[1" + "0" * 400 + "]",
        "[" * 900,
    ],
)
def test_an_embedding_that_cannot_be_read_is_left_out(text: str) -> None:
    assert content_of({"attributes": {"embedding": text}}).embedding == []


JSON_VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.none())
)


@given(
    title=JSON_VALUE,
    categories=st.none() | st.lists(JSON_VALUE, max_size=3),
    attributes=st.none()
    | st.dictionaries(st.sampled_from(["embedding", "published_at", "year", "hidden", "x"]), JSON_VALUE),
)
def test_an_entry_has_a_content_whatever_was_stored(
    title: object, categories: object, attributes: object
) -> None:
    found = content_of({"title": title, "categories": categories, "attributes": attributes})
    assert all(math.isfinite(number) for number in (*found.numbers.values(), *found.embedding))
    assert all(isinstance(text, str) for text in (found.title, *found.categories, *found.attributes.values()))
