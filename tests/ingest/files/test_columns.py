from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.columns import USUAL, ColumnsUnknownError, parse_columns, plain, resolve
from ingest.files.rejected_lines import SourceError


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("user_id,item_id,Rating,Timestamp", "user_id,item_id,Rating,Timestamp,-"),
        ("User-ID,ISBN,Book-Rating", "User-ID,ISBN,Book-Rating,-,-"),
        (
            "user_id:token,product_id:token,timestamp:float",
            "user_id:token,product_id:token,-,timestamp:float,-",
        ),
        ("timestamp,visitorid,event,itemid", "visitorid,itemid,-,timestamp,event"),
        ("reviewerID,asin,overall,unixReviewTime,reviewTime", "reviewerID,asin,overall,unixReviewTime,-"),
        (" Customer , SKU ,Stars, DATE ", " Customer , SKU ,Stars, DATE ,-"),
        ("userID,artistID,weight", "userID,artistID,-,-,-"),
        ("Name,Email,Created at,Lineitem sku", "Email,Lineitem sku,-,Created at,-"),
        ("app_id,is_recommended,user_id,date", "user_id,app_id,is_recommended,date,-"),
    ],
)
def test_usual_column_names_are_known_in_any_spelling(names: str, wanted: str) -> None:
    found = resolve("x.csv", names.split(","), {})
    parts = (found.user, found.item, found.value, found.time, found.type)
    assert ",".join(name or "-" for name in parts) == wanted
    assert found.guessed == {part for part, name in found.by_part.items() if name}


def test_a_column_that_the_user_names_is_used_and_does_not_count_as_a_guess() -> None:
    found = resolve("x.csv", ["user", "who", "item", "rating"], {"user": "WHO", "value": "-"})
    assert (found.user, found.value, found.guessed) == ("who", None, {"item"})
    assert found.unused_names(["user", "who", "item", "rating"]) == ["user", "rating"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"user": "who", "item": "nope"}, "has no column 'nope'; it has who, what"),
        ({"user": "who"}, "say with --columns item=NAME which of who, what holds the item"),
    ],
)
def test_a_missing_column_is_one_sentence(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(ColumnsUnknownError) as caught:
        resolve("x.csv", ["who", "what"], mapping)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("names", "is_told"), [("user,i1,i2", True), ("1,2,3", True), ("sku,price,at", False)]
)
def test_the_error_for_a_matrix_says_how_to_turn_it_into_rows(names: str, is_told: bool) -> None:
    with pytest.raises(ColumnsUnknownError) as caught:
        resolve("x.csv", names.split(","), {})
    assert ("write a row for each rating, as pandas.melt does" in str(caught.value)) == is_told


@pytest.mark.parametrize("text", ["user", "user=", "who=user", "user=a,,item=b", ""])
def test_an_invalid_mapping_is_an_error_that_explains_the_form(text: str) -> None:
    with pytest.raises(SourceError, match="--columns does not understand"):
        parse_columns(text)


def test_no_two_parts_have_the_same_name() -> None:
    names = [name for usual in USUAL.values() for name in usual]
    assert len(names) == len(set(names))


@given(st.sampled_from([name for usual in USUAL.values() for name in usual]), st.sampled_from(" _-."))
def test_case_and_punctuation_of_column_names_do_not_matter(name: str, sign: str) -> None:
    assert plain(f' "{sign.join(name.upper())}:token" ') == name
