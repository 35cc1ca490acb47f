from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.delimited_text import titles_above
from ingest.files.rejected_lines import RejectedLines
from ingest.meaning.options import ReadingOptions
from ingest.sources.recognise import open_source

TABLE = ["customer_id,sku,order_date", "c1,s1,2024-04-01", "c2,s2,2024-04-02"]


@pytest.mark.parametrize(
    ("above", "count"),
    [
        ([], 0),
        (["Export of orders", ""], 2),
        (["Orders", "", "of the year 2024"], 3),
        (["7:"], 0),  # the Netflix prize: a movie, whose ratings follow
        (["title"] * 11, 0),
        (["Orders, of 2024"], 0),
    ],
)
def test_lines_without_a_separator_above_a_table_are_its_title(above: list[str], count: int) -> None:
    assert titles_above([*above, *TABLE]) == count


def test_a_text_whose_lines_have_no_common_shape_has_no_title() -> None:
    assert titles_above(["some text", "a, b, c", "no more", "of it"]) == 0


@given(st.lists(st.text(alphabet="ab ,;:\t\n"), max_size=6))
def test_a_title_never_holds_a_separator_nor_all_lines(lines: list[str]) -> None:
    count = titles_above(lines)
    assert count == 0 or count < len(lines)
    assert not any(mark in line.strip() for line in lines[:count] for mark in ",;\t|")


def test_a_table_below_a_title_is_read_and_a_refused_line_has_its_own_number(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["Export of orders", "", *TABLE, ",s3,2024-04-03", ""]))
    shown: list[str] = []
    source = open_source(path, ReadingOptions())
    events = list(source.events(RejectedLines(shown.append)))
    source.close()
    assert len(events) == 2
    assert len(shown) == 1
    assert "orders.csv:6" in shown[0]
