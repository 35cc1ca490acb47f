from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.question.expression import MAX_DEPTH, MAX_LENGTH, ExpressionError, parse
from serving.question.item_facts import UNKNOWN_ITEM, ItemFacts

ITEM = ItemFacts(
    "The Big Sleep",
    ("Crime", "Film Noir"),
    {"year": "1946", "colour": "no", "rating": "4.50", "length": "long", "and": "x"},
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("category = crime", True),
        ('category = "Film Noir"', True),
        ("category = Comedy", False),
        ("category != Comedy", True),
        ("category != Crime", False),
        ("category in (Comedy, Crime)", True),
        ("year >= 1946 and year < 1950", True),
        ("year > 1946", False),
        ("rating = 4.5", True),
        ("length > 3", False),
        ("length = LONG", True),
        ("missing = 1", False),
        ("missing < 1", False),
        ("missing != 1", True),
        ("not missing = 1", True),
        ("NOT category = Crime OR year = 1946", True),
        ("category = Comedy and category = Crime or year = 1946", True),
        ("category = Comedy and (category = Crime or year = 1946)", False),
        ('title = "the big sleep"', True),
        ('"and" = x', True),
        ("year=1946 and colour=no", True),
        ("not not not year = 1946", False),
    ],
)
def test_a_filter_expression_selects_the_expected_items(text: str, holds: bool) -> None:
    assert parse(text).holds(ITEM) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a name"),
        ("year", "after 'year'"),
        ("year =", "a value"),
        ("year = 1 1", "or the end"),
        ("(year = 1", r"expected '\)'"),
        ("year = 1)", "or the end"),
        ("category in Comedy", r"expected '\('"),
        ("category in ()", "a value"),
        ('title = "open', "character 9"),
        ("a = b and", "a name"),
        ("and = 1", "a name"),
        ("(" * (MAX_DEPTH + 2) + "a = 1" + ")" * (MAX_DEPTH + 2), "nested"),
        ("not " * (MAX_DEPTH + 2) + "a = 1", "nested"),
        ("x" * (MAX_LENGTH + 1), "at most"),
    ],
)
def test_an_invalid_expression_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        parse(text)


@given(st.text(max_size=80) | st.text('abc=<>!()", ndotri', max_size=80))
def test_any_text_is_parsed_as_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    assert expression.holds(ITEM) in (True, False)
    assert expression.holds(UNKNOWN_ITEM) in (True, False)


NAMES = st.sampled_from(["year", "colour", "category", "missing"])
TERMS = st.builds(
    "{} {} {}".format, NAMES, st.sampled_from(["=", "!=", "<"]), st.sampled_from(["1946", "no", "Crime"])
)


@given(TERMS, TERMS)
def test_expressions_obey_the_laws_of_de_morgan(a: str, b: str) -> None:
    assert parse(f"not ({a} and {b})").holds(ITEM) == parse(f"not {a} or not {b}").holds(ITEM)
    assert parse(f"not ({a} or {b})").holds(ITEM) == parse(f"not {a} and not {b}").holds(ITEM)
