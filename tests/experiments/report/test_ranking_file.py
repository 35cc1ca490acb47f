from __future__ import annotations

from pathlib import Path

import pytest

from experiments.report.ranking_file import EVERYBODY, RankingFileError, read_ranking


def read(folder: Path, text: str) -> object:
    (folder / "r.csv").write_text(text, encoding="utf-8")
    return read_ranking(folder / "r.csv")


def test_a_ranking_is_one_for_everybody_or_one_for_each_user(tmp_path: Path) -> None:
    assert read(tmp_path, "item_id,weight\nä,2\nb,1\nb,1\n") == {EVERYBODY: {"ä": 2.0, "b": 2.0}}
    personal = "\ufeffuser_id,item_id,weight\nann,a,1\nbob,b,0.5\n"
    assert read(tmp_path, personal) == {"ann": {"a": 1.0}, "bob": {"b": 0.5}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("item,score\na,1\n", "needs the columns item_id and weight"),
        ("", "needs the columns"),
        ("item_id,weight\n", "has no line"),
        ("item_id,weight\na,much\n", "cannot be read as CSV"),
        ("item_id,weight\na\n", "cannot be read as CSV"),
        ("item_id,weight\na,-1\n", "line 2: a weight is a number from 0 on"),
        ("item_id,weight\na,inf\n", "line 2: a weight is a number from 0 on"),
        ("user_id,item_id,weight\nann,a,1\n,b,1\n", "either every line has a user_id or none"),
    ],
)
def test_another_file_is_refused_with_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RankingFileError, match=reason):
        read(tmp_path, text)
