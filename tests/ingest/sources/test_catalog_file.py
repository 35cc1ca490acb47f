from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import CatalogEntry
from ingest.files.engine import Engine
from ingest.files.rejected_lines import RejectedLines, SourceError
from ingest.sources.catalog_file import CatalogFile, EntryOptions, categories_of, check_entries, entry_options
from ingest.sources.consent import TooMuchRefusedError

Written = Callable[..., Path]
Read = Callable[..., tuple[list[CatalogEntry], list[str]]]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def read(engine: Engine) -> Read:
    """The entries of a file, and the reasons of its refused rows."""

    def entries(path: Path, **options: Any) -> tuple[list[CatalogEntry], list[str]]:
        refused: list[str] = []
        file = CatalogFile.open(path, EntryOptions(**options), engine)
        return list(file.catalog(RejectedLines(refused.append))), refused

    return entries


def test_a_text_file_gives_ids_and_titles_and_categories_and_attributes(
    write_file: Written, read: Read
) -> None:
    rows = ('7.0;"A; ""B""";Drama|Comedy|Drama;7.50;NULL', '8.0;;;;"two\nlines"')
    text = "\n".join(("SKU;Product Name;Genres;price;note", *rows, ""))
    (first, second), refused = read(write_file("items.csv", text))
    assert (first.kind, first.id, first.title, first.categories) == (
        "item",
        "7",
        'A; "B"',
        ("Drama", "Comedy"),
    )
    assert first.attributes == {"price": "7.50"}
    assert (second.id, second.title, second.attributes) == ("8", None, {"note": "two\nlines"})
    assert refused == []
    assert first.updated_at == second.updated_at


def test_ids_that_are_text_are_not_changed(write_file: Written, read: Read) -> None:
    entries, _ = read(write_file("items.csv", "item_id,title\n7.0,a\n007,b\nx,c\n"))
    assert [entry.id for entry in entries] == ["7.0", "007", "x"]


def test_json_keeps_lists_numbers_and_truth_values(write_file: Written, read: Read) -> None:
    rows: list[dict[str, Any]] = [
        {"asin": 7.0, "title": "T", "categories": [["A", "B"], ["A", "C"]], "price": 9.99, "sold": True},
        {
            "asin": "x",
            "categories": "['D', 'E']",
            "also": ["y"],
            "made": {"in": "é"},
            "rank": 3.0,
            "none": None,
        },
    ]
    (first, second), _ = read(write_file("meta.jsonl", "\n".join(map(json.dumps, rows))))
    assert (first.id, first.categories) == ("7", ("B", "C"))
    assert first.attributes == {"price": "9.99", "sold": "true"}
    assert second.categories == ("D", "E")
    assert second.attributes == {"also": '["y"]', "made": '{"in": "é"}', "rank": "3"}


def test_parquet_keeps_its_types(tmp_path: Path, read: Read) -> None:
    table = pa.table(
        {"movieId": [1.0, 2.0], "title": ["a", None], "genres": [["X"], []], "year": [1999, 2000]}
    )
    pq.write_table(table, tmp_path / "movies.parquet")
    (first, second), _ = read(tmp_path / "movies.parquet")
    assert (first.id, first.title, first.categories, first.attributes) == ("1", "a", ("X",), {"year": "1999"})
    assert (second.id, second.title, second.categories) == ("2", None, ())


def test_the_columns_that_the_user_names_are_used(write_file: Written, read: Read) -> None:
    path = write_file("people.csv", "Person Key,title,age,secret\na,Dr,30,s\n")
    (entry,), _ = read(
        path, kind="user", columns={"id": "person_key", "title": "-"}, without=("Secret",), separator=","
    )
    assert (entry.kind, entry.id, entry.title) == ("user", "a", None)
    assert entry.attributes == {"title": "Dr", "age": "30"}
    with pytest.raises(SourceError, match="--columns id=NAME"):
        read(path)


def test_values_beyond_a_bound_are_refused_with_their_line_or_shortened(
    write_file: Written, read: Read
) -> None:
    text = f'id,title,text\n1,"a\nb",x\n2,t,{"y" * 1025}\n,t,x\n4,t,x\n'
    entries, refused = read(write_file("items.csv", text))
    assert [entry.id for entry in entries] == ["1", "4"]
    assert [line.partition("items.csv:")[2].partition(":")[0] for line in refused] == ["4", "5"]
    assert "1024" in refused[0]
    assert "no id" in refused[1]
    entries, refused = read(write_file("items.csv", text), shorten=True)
    assert [len(entry.attributes["text"]) for entry in entries] == [1, 1024, 1]


def test_records_that_cannot_be_read_are_counted_too(write_file: Written, engine: Engine) -> None:
    file = CatalogFile.open(write_file("meta.jsonl", '{"id": 1}\n{bad\n{"id": 2}\n'), EntryOptions(), engine)
    said: list[str] = []
    check_entries(file, 0.5, said.append)
    assert said == ["  2 entries, 1 refused"]
    with pytest.raises(
        TooMuchRefusedError, match=r"1 of 3 rows .*jsonl:2: not a complete JSON object.*--without"
    ):
        check_entries(file, 0.05, said.append)


@pytest.mark.parametrize(
    ("cell", "categories"),
    [
        (None, ()),
        ("", ()),
        ("Drama", ("Drama",)),
        (" a | b |a", ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("[a, b", ("[a, b",)),
        (["a", None, 7], ("a", "7")),
        ([["a", "b"], []], ("b",)),
    ],
)
def test_categories_come_as_lists_or_as_text(cell: Any, categories: tuple[str, ...]) -> None:
    assert categories_of(cell, "|") == categories


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"kind": "thing"}, "--kind"),
        ({"columns": "sku=a"}, "--columns"),
        ({"columns": "id"}, "--columns"),
        ({"separator": ""}, "--category-separator"),
    ],
)
def test_options_without_effect_are_refused_with_their_names(words: dict[str, str], sentence: str) -> None:
    usual: dict[str, Any] = {"kind": "item", "columns": None, "without": "", "separator": "|"}
    with pytest.raises(SourceError, match=sentence):
        entry_options(**{**usual, **words}, shorten=False, encoding=None)


def test_ids_are_read_as_in_files_of_interactions(write_file: Written, read: Read) -> None:
    entries, refused = read(write_file("a.csv", 'sku,title\n"1,234",a\n12,b\n"=""007""",c\n'))
    assert [entry.id for entry in entries] == ["1,234", "12", "007"]  # 007 shows that not all are numbers
    entries, refused = read(write_file("b.csv", 'sku,title\n"1,234",a\n12,b\n'))
    assert [entry.id for entry in entries] == ["1234", "12"]
    entries, refused = read(write_file("c.csv", "sku,title,price\n1.23457E+12,a,1\n12,b,2\n"))
    assert [entry.id for entry in entries] == ["12"]
    assert "has lost its digits in a spreadsheet or as a float: export it as text" in refused[0]


def test_a_file_of_interactions_is_no_catalogue(write_file: Written, engine: Engine) -> None:
    path = write_file("r.csv", "userId,movieId,rating\n" + "".join(f"{n},{n % 9},3\n" for n in range(50)))
    told: list[str] = []
    with pytest.raises(SourceError, match="describe only 9 items: do they hold interactions"):
        check_entries(CatalogFile.open(path, EntryOptions(), engine), 0.05, told.append)
    assert told == ["  50 entries, 0 refused, 41 with the id of another one"]


def test_categories_that_another_sign_divides_are_told(write_file: Written, engine: Engine) -> None:
    path = write_file("items.csv", 'id,title,categories\n1,a,"Food, Bars"\n')
    cure = "the category 'Food, Bars' is taken as one: --category-separator ', ' divides it"
    assert cure in CatalogFile.open(path, EntryOptions(), engine).notes()[-1]
    divided = CatalogFile.open(path, EntryOptions(separator=", "), engine)
    assert cure not in divided.notes()[-1]
