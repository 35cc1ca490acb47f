from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bulk import pairs as pairs_module
from serving.bulk.pairs import Estimated, Pair, PairFileError, read_pairs, whole_file

PAIRS = [Pair("ann", "i1"), Pair("7", "b,c"), Pair("ä\"'", "12")]


def _read(path: Path, user: str = "user_id", item: str = "item_id") -> list[list[Pair]]:
    return list(read_pairs(path, user, item))


def _write_csv(
    path: Path, rows: list[tuple[str, str]], header: tuple[str, str] = ("user_id", "item_id")
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_csv_and_parquet_give_the_same_pairs_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs_module, "_ROWS_AT_ONCE", 2)
    table = _write_csv(tmp_path / "pairs.csv", [("ann", " i1 "), ("7", "b,c"), ("ä\"'", "12")])
    columns = {"other": [1, 2, 3], "item_id": [" i1 ", "b,c", "12"], "user_id": ["ann", "7", "ä\"'"]}
    pq.write_table(pa.table(columns), tmp_path / "pairs.parquet")
    assert _read(table) == _read(tmp_path / "pairs.parquet") == [PAIRS[:2], PAIRS[2:]]


def test_columns_may_have_other_names_and_ids_may_be_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"u": [1, 2], "i": [3.0, 4.0]}), tmp_path / "pairs.pq")
    assert _read(tmp_path / "pairs.pq", "u", "i") == [[Pair("1", "3"), Pair("2", "4")]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user,item\n1,2\n", "no column user_id and no column item_id; it has user, item"),
        ("", "it has none"),
        ("user_id,item_id\n1,2\n1,\n", "row 2 names no item"),
        ("user_id,item_id\n1\n", "row 1 names no item"),
        ("user_id,item_id\n ,2\n", "row 1 names no user"),
    ],
)
def test_an_invalid_file_is_an_error_that_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(PairFileError, match=words):
        _read(path)


def test_text_in_another_encoding_and_a_folder_that_is_missing_are_told_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("user_id,item_id\nü,i\n".encode("latin-1"))
    with pytest.raises(PairFileError, match="save it as UTF-8"):
        _read(tmp_path / "latin.csv")
    expected = r"out\.csv cannot be written \(No such file or directory\): name another file or folder"
    with pytest.raises(PairFileError, match=expected), whole_file(tmp_path / "absent" / "out.csv"):
        pass


def test_a_damaged_or_missing_file_is_an_error(tmp_path: Path) -> None:
    for name, content in (("a.parquet", b"nonsense"), ("a.csv", b"\xff\xfe\x00"), ("absent.csv", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(PairFileError):
            _read(tmp_path / name)


ROWS = st.lists(
    st.builds(
        Estimated,
        st.builds(Pair, st.text(min_size=1), st.text(min_size=1)),
        st.none() | st.floats(-5, 5),
    ),
    max_size=5,
)


@given(ROWS, st.sampled_from([".csv", ".json", ".jsonl"]))
def test_a_written_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Estimated], end: str
) -> None:
    rows = [row for row in rows if not {"\r", "\0"} & set(row.pair.user_id + row.pair.item_id)]
    rows = [row for row in rows if all(part.isprintable() for part in row.pair)]
    path = tmp_path_factory.mktemp("written") / f"estimates{end}"
    with whole_file(path) as writer:
        writer.write(rows[:2])
        writer.write(rows[2:])
    text = path.read_text(encoding="utf-8")
    if end == ".csv":
        found = [
            Estimated(Pair(user, item), None if value == "NaN" else float(value))
            for user, item, value in list(csv.reader(text.splitlines()))[1:]
        ]
    else:
        records = json.loads(text) if end == ".json" else [json.loads(line) for line in text.splitlines()]
        found = [Estimated(Pair(each["user_id"], each["item_id"]), each["estimate"]) for each in records]
    assert found == rows


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "estimates.csv"
    path.write_text("old")

    def write_and_fail() -> None:
        with whole_file(path) as writer:
            writer.write([Estimated(PAIRS[0], 1.0)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PairFileError, match=r"ends in \.csv"), whole_file(tmp_path / "estimates.xlsx"):
        pass
