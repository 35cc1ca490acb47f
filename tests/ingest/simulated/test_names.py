from __future__ import annotations

from contracts.catalog import CatalogEntry
from ingest.simulated.names import title


def test_titles_never_repeat_and_fit_the_catalogue() -> None:
    titles = [title(number) for number in range(5_000)]
    assert len(set(titles)) == len(titles)
    assert all(CatalogEntry(kind="item", id="1", title=text).title == text for text in titles)


def test_a_title_looks_like_that_of_a_film() -> None:
    assert title(0) == "The Silent Harbour (1960)"
