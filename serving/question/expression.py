"""The `filter` expression: a small grammar, parsed by hand and never evaluated as code.

    either     := both ("or" both)*
    both       := single ("and" single)*
    single     := "not" single | "(" either ")" | comparison
    comparison := name ("=" | "!=" | "<" | "<=" | ">" | ">=") value | name "in" "(" value ("," value)* ")"
    name       := "category" | "title" | an attribute;   name and value: a word, or text in "double quotes"

Two numbers are compared as numbers, anything else as text, ignoring case; `<` and the like are true only
between numbers. `category` has several values: `=` and `in` are true if any value matches. If an item lacks
an attribute, every comparison with it is false, except `!=`. A text has at most MAX_LENGTH characters and
MAX_DEPTH nested parts, and is read in linear time.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.question.item_facts import ItemFacts

MAX_LENGTH, MAX_DEPTH = 1000, 20
_TOKEN = re.compile(
    r'\s*(?:"(?P<quoted>[^"]*)"|(?P<symbol><=|>=|!=|[=<>(),])|(?P<word>[^\s"=<>!(),]+)|(?P<bad>\S))'
)
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RESERVED = frozenset({"and", "or", "not", "in"})


class Expression(Protocol):
    """A condition on an item."""

    def holds(self, item: ItemFacts) -> bool:
        """Whether the item meets it."""


class ExpressionError(ValueError):
    """The text is not an expression; the message says where and why."""


@dataclass(frozen=True)
class Comparison:
    """One field compared with one or several values; holds if any pair does."""

    name: str
    sign: str
    values: tuple[str, ...]

    def holds(self, item: ItemFacts) -> bool:
        """Whether the comparison is true for any value of the item and any value of ours; `!=`: for all."""
        item_values = _values(item, self.name)
        if self.sign == "!=":
            return not any(_same(item_value, value) for item_value in item_values for value in self.values)
        return any(
            _compare(item_value, self.sign, value) for item_value in item_values for value in self.values
        )


@dataclass(frozen=True)
class Not:
    """Holds if the inner condition does not."""

    inner: Expression

    def holds(self, item: ItemFacts) -> bool:
        """Whether the inner condition does not hold."""
        return not self.inner.holds(item)


@dataclass(frozen=True)
class AllOf:
    """Holds if every part does."""

    parts: tuple[Expression, ...]

    def holds(self, item: ItemFacts) -> bool:
        """Whether every part does."""
        return all(part.holds(item) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """Holds if any part does."""

    parts: tuple[Expression, ...]

    def holds(self, item: ItemFacts) -> bool:
        """Whether any part does."""
        return any(part.holds(item) for part in self.parts)


def parse(text: str) -> Expression:
    """Read the text of an expression. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters")
    parser = _Parser(_tokens(text))
    found = parser.either(0)
    if parser.kind != "end":
        raise ExpressionError(f"expected 'and', 'or' or the end, found {parser.shown_token}")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "bad":
            raise ExpressionError(f"character {match.start(kind) + 1} is not part of any word")
        word = match.group(kind)
        is_reserved = kind == "word" and word.lower() in _RESERVED
        tokens.append(("symbol", word.lower()) if is_reserved else (kind, word))
    return [*tokens, ("end", "")]


class _Parser:
    """Reads tokens from left to right, with one method for each rule of the grammar."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def shown_token(self) -> str:
        return "the end" if self.kind == "end" else repr(self._tokens[self._at][1])

    def either(self, depth: int) -> Expression:
        parts = [self.both(depth)]
        while self._takes("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self, depth: int) -> Expression:
        parts = [self.single(depth)]
        while self._takes("and"):
            parts.append(self.single(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def single(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
        if self._takes("not"):
            return Not(self.single(depth + 1))
        if self._takes("("):
            inner = self.either(depth + 1)
            self._expect(")")
            return inner
        return self.comparison()

    def comparison(self) -> Expression:
        name = self._text("a name")
        for sign in ("=", "!=", *_ORDERED):
            if self._takes(sign):
                return Comparison(name, sign, (self._text("a value"),))
        if not self._takes("in"):
            raise ExpressionError(f"expected = != < <= > >= or in after {name!r}, found {self.shown_token}")
        self._expect("(")
        values = [self._text("a value")]
        while self._takes(","):
            values.append(self._text("a value"))
        self._expect(")")
        return Comparison(name, "=", tuple(values))

    def _takes(self, symbol: str) -> bool:
        taken = self._tokens[self._at] == ("symbol", symbol)
        self._at += taken
        return taken

    def _expect(self, symbol: str) -> None:
        if not self._takes(symbol):
            raise ExpressionError(f"expected {symbol!r}, found {self.shown_token}")

    def _text(self, what: str) -> str:
        kind, text = self._tokens[self._at]
        if kind not in ("word", "quoted"):
            raise ExpressionError(f"expected {what}, found {self.shown_token}")
        self._at += 1
        return text


def _values(item: ItemFacts, name: str) -> Sequence[str]:
    if name == "category":
        return item.categories
    if name == "title":
        return (item.title,) if item.title is not None else ()
    value = item.attributes.get(name)
    return () if value is None else (value,)


def _compare(item_value: str, sign: str, value: str) -> bool:
    if sign == "=":
        return _same(item_value, value)
    left, right = _number(item_value), _number(value)
    return left is not None and right is not None and _ORDERED[sign](left, right)


def _same(item_value: str, value: str) -> bool:
    left, right = _number(item_value), _number(value)
    if left is not None and right is not None:
        return left == right
    return item_value.casefold() == value.casefold()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None  # "nan" and "infinity" are words here
