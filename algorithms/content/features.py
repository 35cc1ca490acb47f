"""The features of a catalogue entry: its categories, attributes and words, hashed; and its owner's embedding.

Nothing is fetched, and nothing learnt but the quantiles of numbers. Texts in scripts without spaces are read
as pairs of letters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

HASHES = 2**28  # two of a million names seldom share one
_KNOTS = 9  # of a number: its smallest and largest value, and the octiles between them
_WORDS = 500  # different words of a text that count
_SHORT = 64  # an attribute of more characters counts by its words alone
_TITLE, _ATTRIBUTE, _TEXT = 0.5, 0.5, 0.5  # weights, beside 1 for the categories
_WORD = re.compile(r"\w+")
# Scripts that are written without spaces: South-East Asian ones, Kana, Han, Hangul.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
Knots = Mapping[str, Sequence[float]]


class Content(Protocol):
    """What an entry says (contracts/catalog.py)."""

    @property
    def title(self) -> str:
        """The title."""

    @property
    def categories(self) -> Sequence[str]:
        """The categories."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes that are texts."""

    @property
    def numbers(self) -> Mapping[str, float]:
        """The attributes that are numbers."""

    @property
    def embedding(self) -> Sequence[float]:
        """The owner's embedding at length 1; empty without one."""


class FeatureRows(NamedTuple):
    """Features of several entries as CSR; ``columns`` are hashes below HASHES."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Computes features. ``knots`` (attribute -> values in order) divide the numbers that it may have."""

    knots: Knots

    @classmethod
    def of(cls, contents: Sequence[Content]) -> Features:
        """With the quantiles of the numbers of these contents."""
        found: dict[str, list[float]] = {}
        for content in contents:
            for name, number in content.numbers.items():
                found.setdefault(name, []).append(number)
        places = np.linspace(0, 1, _KNOTS)
        return cls({name: np.unique(np.quantile(each, places)).tolist() for name, each in found.items()})

    def rows(self, contents: Sequence[Content]) -> FeatureRows:
        """The features of each content; none for an entry that says nothing."""
        rows = [self._row(content) for content in contents]
        return FeatureRows(
            np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
            np.fromiter((column for row in rows for column in row), np.int32),
            np.fromiter((value for row in rows for value in row.values()), np.float64),
        )

    def _row(self, content: Content) -> dict[int, float]:
        row: dict[int, float] = {}
        for name, value in self._name_weights(content):
            column = crc32(name.encode("utf-8", "surrogatepass")) % HASHES
            row[column] = row.get(column, 0.0) + value
        return row

    def _name_weights(self, content: Content) -> Iterator[tuple[str, float]]:
        yield from _shares("category:", {_plain(each) for each in content.categories if each.strip()}, 1.0)
        yield from _shares("word:", _words(content.title), _TITLE)
        names, words = set[str](), set[str]()
        for name, value in content.attributes.items():
            if value.strip() and len(value) <= _SHORT:
                names.add(f"{_plain(name)}={_plain(value)}")
            words |= _words(value)
        yield from _shares("attribute:", names, _ATTRIBUTE)
        yield from _shares("word:", words, _TEXT)
        for name, number in content.numbers.items():
            yield from self._between_knots(name, number)
        yield from ((f"embedding:{place}", value) for place, value in enumerate(content.embedding))

    def _between_knots(self, name: str, number: float) -> Iterator[tuple[str, float]]:
        """The two knots around the number, each with its nearness; beyond the outermost, that one."""
        knots = self.knots.get(name)
        if not knots:
            return
        place = float(np.interp(number, knots, np.arange(len(knots))))
        below = math.floor(place)
        for knot, nearness in ((below, 1 - place + below), (below + 1, place - below)):
            if nearness > 0:
                yield f"number:{name}:{knot}", nearness


def _shares(prefix: str, names: set[str], weight: float) -> Iterator[tuple[str, float]]:
    """Each name with the same share, so that their vector has the length ``weight``."""
    yield from ((prefix + name, weight / math.sqrt(len(names))) for name in sorted(names))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _words(text: str) -> set[str]:
    words: dict[str, None] = {}
    for word in _WORD.findall(_plain(text)):
        pairs = [word[at : at + 2] for at in range(len(word) - 1)] if _UNSPACED.search(word) else []
        words.update(dict.fromkeys(pairs or [word]))
        if len(words) >= _WORDS:
            break
    return set(list(words)[:_WORDS])
