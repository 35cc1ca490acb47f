from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.files.interaction_files import Columns, DelimitedFile
from ingest.files.source import Description, FileSource, MetadataFile

Written = Callable[..., Path]


def _items(path: Path) -> MetadataFile:
    return MetadataFile(path, "item", ",", 3, lambda f: Description(f[0], f[1], tuple(f[2].split("|"))), True)


def test_broken_metadata_is_counted_and_the_rest_taken(written: Written, read_back: Any) -> None:
    path = written(
        "m.csv", f"id,title,genres\n1,Heat,Crime|Drama\n2,Lost\n,No id,x\n3,{'t' * 2000},x\n4,Up,\n"
    )
    read = read_back(FileSource((), (_items(path),)))
    assert [(e.id, e.title, e.categories) for e in read.catalog] == [
        ("1", "Heat", ("Crime", "Drama")),
        ("4", "Up", ()),
    ]
    assert [line.split(":")[1] for line in read.shown] == ["3", "4", "5"]


def test_metadata_is_as_old_as_its_file_so_a_second_run_changes_nothing(
    written: Written, read_back: Any
) -> None:
    path = written("m.csv", "id,title,genres\n1,Heat,Crime\n")
    source = FileSource((), (_items(path),))
    assert read_back(source).catalog == read_back(source).catalog
    assert read_back(source).catalog[0].updated_at == path.stat().st_mtime_ns // 1_000_000


def test_files_follow_one_another_and_numbers_go_on(written: Written, read_back: Any) -> None:
    files = [
        DelimitedFile(written(f"{name}.csv", f"{name},i,3,5\n"), ",", Columns(0, 1, 2, 3), 4, header=False)
        for name in ("a", "b")
    ]
    read = read_back(FileSource(tuple(files)))
    assert [event.key for event in read.encoded] == [b"a", b"b"]
    assert [event.ordinal for event in read.encoded] == [0, 1]


def test_the_type_of_lines_that_name_none_can_be_given(written: Written, read_back: Any) -> None:
    file = DelimitedFile(written("a.csv", "u,i,5\n"), ",", Columns(0, 1, time=2), 3, header=False)
    assert read_back(FileSource((file,)), event_type="purchase").rows[0][0] == "purchase"
