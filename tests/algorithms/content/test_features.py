from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.content.features import HASHES, Features
from contracts.catalog import Content, content_of


def columns(content: Content, features: Features | None = None) -> set[int]:
    found = features or Features.of([content])
    return set(found.rows([content]).columns.tolist())


def test_an_entry_that_says_nothing_has_no_feature() -> None:
    rows = Features.of([]).rows([Content(), Content(title=" \n", categories=["", " "]), Content(title="x")])
    assert rows.indptr.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Content(title="Straße"), Content(title="STRASSE")),
        (Content(title="Cafe\u0301"), Content(title="Caf\u00e9")),
        (Content(categories=["Sci-Fi "]), Content(categories=["sci-fi"])),
        (Content(title="Love and war"), Content(attributes={"text": "war, and love!"})),
    ],
)
def test_the_same_words_in_another_spelling_or_place_share_features(one: Content, other: Content) -> None:
    assert columns(one) <= columns(other)


def test_texts_without_spaces_share_features_where_they_share_letters() -> None:
    assert columns(Content(title="玩具总动员")) & columns(Content(title="新玩具总动员二"))
    assert not columns(Content(title="玩具总动员")) & columns(Content(title="星球大战"))


def test_a_text_of_any_length_weighs_the_same() -> None:
    lengths = []
    for words in (1, 40, 20_000):
        content = Content(attributes={"text": " ".join(f"w{n}" for n in range(words))})
        lengths.append(np.sqrt((Features.of([]).rows([content]).values ** 2).sum()))
    assert lengths[1:] == pytest.approx([0.5, 0.5], abs=0.05)


def test_numbers_that_are_near_share_features_and_far_ones_do_not() -> None:
    contents = [Content(numbers={"year": year}) for year in range(1900, 2001)]
    features = Features.of(contents)
    assert columns(contents[0], features) & columns(contents[5], features)
    assert not columns(contents[0], features) & columns(contents[100], features)
    for outside in (-1e9, 1e9):
        rows = features.rows([Content(numbers={"year": outside})])
        assert rows.values.tolist() == [1.0]


def test_a_number_of_which_only_one_value_was_seen_has_one_feature() -> None:
    features = Features.of([Content(numbers={"price": 3.0})] * 5)
    assert features.rows([Content(numbers={"price": 7.0})]).values.tolist() == [1.0]
    assert not columns(Content(numbers={"never seen": 7.0}), features)


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=40), max_size=6),
    st.lists(st.text(max_size=12), max_size=6),
    st.text(max_size=60),
)
def test_any_text_gives_finite_features_within_bounds(
    attributes: dict[str, str], categories: list[str], title: str
) -> None:
    content = content_of({"title": title, "categories": categories, "attributes": attributes})
    rows = Features.of([content]).rows([content])
    assert np.isfinite(rows.values).all()
    assert ((rows.columns >= 0) & (rows.columns < HASHES)).all()
    assert rows.indptr[-1] == len(rows.columns) == len(rows.values)
