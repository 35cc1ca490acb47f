"""Public data sets in the form in which they are published, a few rows of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.files.rejected_lines import SourceError

Written = Callable[..., Path]
Row = tuple[str, str, str, float, int]
USER, MBID = "a" * 40, "c" * 36
JESTER = ["3", *["99"] * 97, "-9.5", "10", "0.25"]

# name -> (file, content, options, the first row)
SETS: dict[str, tuple[str, str, dict[str, Any], Row]] = {
    "Amazon 2014 JSON": (
        "reviews.json",
        json.dumps({"reviewerID": "A2", "asin": "0001", "overall": 5.0, "reviewTime": "02 11, 2017"}) + "\n",
        {},
        ("rating", "A2", "0001", 5.0, 1_486_771_200_000),
    ),
    "Amazon 2014 ratings": (
        "ratings_Books.csv",
        "AH2L9G3DQHHAJ,0000000116,4.0,1486771200\nA2IIIDRK3PRRZY,0000000116,1.0,1486771300\n",
        {},
        ("rating", "AH2L9G3DQHHAJ", "0000000116", 4.0, 1_486_771_200_000),
    ),
    "Amazon 2018 ratings": (
        "Books.csv",
        "0001713353,A1C6M8LCIX4M6M,5.0,1486771200\n0001713353,A1REUF3A1YCPHM,5.0,1486771300\n",
        {},
        ("rating", "A1C6M8LCIX4M6M", "0001713353", 5.0, 1_486_771_200_000),
    ),
    "Amazon 2023": (
        "Books.jsonl",
        json.dumps({"rating": 1.0, "title": "x", "asin": "B0", "parent_asin": "B1", "user_id": "AE"})[:-1]
        + ', "timestamp": 1486771200123, "images": []}\n',
        {},
        ("rating", "AE", "B0", 1.0, 1_486_771_200_123),
    ),
    "Last.fm 360K": (
        "plays.tsv",
        f'{USER}\t{MBID}\tbetty "b" blowtorch\t2137\n{USER}\t{MBID[:-1]}d\tdie Ärzte\t1099\n',
        {},
        ("view", USER, MBID, 1.0, 0),
    ),
    "Last.fm 1K": (
        "tracks.tsv",
        "user_000001\t2009-05-04T23:08:57Z\t\tDeep Dish\t\tIntro\n",
        {},
        ("view", "user_000001", "Deep Dish", 1.0, 1_241_478_537_000),
    ),
    "RetailRocket": (
        "events.csv",
        "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,transaction,355908,7\n",
        {"types": "transaction=purchase"},
        ("purchase", "257597", "355908", 1.0, 1_433_221_332_117),
    ),
    "Steam": (
        "steam_reviews.json",
        "{u'username': u'Chaos', u'product_id': u'7', u'hours': 0.1, u'date': u'2017-12-17'}\n",
        {},
        ("view", "Chaos", "7", 1.0, 1_513_468_800_000),
    ),
    "Goodreads": (
        "goodreads.json",
        json.dumps({"user_id": "8842", "book_id": "24375664", "rating": 5, "n_votes": 6})[:-1]
        + ', "date_added": "Fri Aug 25 13:55:02 -0700 2017"}\n',
        {},
        ("rating", "8842", "24375664", 5.0, 1_503_694_502_000),
    ),
    "Yelp": (
        "review.json",
        json.dumps({"review_id": "K", "user_id": "mh", "business_id": "XQ", "stars": 3.0, "useful": 0})[:-1]
        + ', "text": "a\\nb", "date": "2018-07-07 22:09:11"}\n',
        {},
        ("rating", "mh", "XQ", 3.0, 1_531_001_351_000),
    ),
    "Netflix prize": (
        "combined_data_1.txt",
        "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n885013,4,2005-10-19\n",
        {},
        ("rating", "822109", "1", 5.0, 1_115_942_400_000),
    ),
    "Jester": ("jester-data-1.csv", ",".join(JESTER) + "\n", {}, ("rating", "1", "98", 0.6125, 0)),
    "MovieLens 100K": (
        "u.data",
        "196\t242\t3\t881250949\n",
        {},
        ("rating", "196", "242", 3.0, 881_250_949_000),
    ),
    "MovieLens 10M": (
        "ratings.dat",
        "1::122::4.5::838985046\n",
        {},
        ("rating", "1", "122", 4.5, 838_985_046_000),
    ),
    "MIND": (
        "behaviors.tsv",
        "1\tU13740\t11/11/2019 9:05:58 AM\tN55189 N42782\tN55689-1 N35729-0\n",
        {},
        ("click", "U13740", "N55689", 1.0, 1_573_463_158_000),
    ),
    "Yambda": (
        "listens.csv",
        "uid,timestamp,item_id,is_organic,played_ratio_pct\n100,39420,8326,0,90\n",
        {"time_from_zero": True},
        ("view", "100", "8326", 1.0, 39_420_000),
    ),
    "Taobao": (
        "UserBehavior.csv",
        "1,2268318,2520377,pv,1511544070\n1,2333346,2520771,buy,1511561733\n",
        {"types": "pv=view,buy=purchase"},
        ("view", "1", "2268318", 1.0, 1_511_544_070_000),
    ),
    "Gorse": (
        "feedback.csv",
        "feedback_type,user_id,item_id,time_stamp\nlike,u,i,2020-01-01 00:00:00 +0000 UTC\n",
        {"time_format": "%Y-%m-%d %H:%M:%S %z UTC"},
        ("like", "u", "i", 1.0, 1_577_836_800_000),
    ),
}


@pytest.mark.parametrize("name", list(SETS))
def test_a_data_set_is_read_in_its_published_form(name: str, write_file: Written, read_back: Any) -> None:
    file, content, options, wanted = SETS[name]
    read = read_back(write_file(file, content), **options)
    assert read.rejected == 0, read.shown
    first = read.rows[0]
    # Where a set has no times, its events get those of the file.
    assert (*first[:4], first[4] if wanted[4] else 0) == wanted


def test_numbers_name_the_columns_of_a_file_without_a_header(write_file: Written, read_back: Any) -> None:
    path = write_file("x.csv", "31,1,2.5,1260759144\n")
    read = read_back(path, columns="user=2,item=1,value=3,time=4")
    assert read.rows == [("rating", "1", "31", 2.5, 1_260_759_144_000)]
    with pytest.raises(SourceError, match="has no column '9'"):
        read_back(path, columns="user=1,item=9")


def test_the_user_can_leave_a_column_out_and_name_a_nested_field(write_file: Written, read_back: Any) -> None:
    path = write_file("x.jsonl", '{"user": {"id": 7}, "item": "i", "value": 19.9, "ts": 1260759144}\n')
    read = read_back(path, columns="user=/user/id,value=-")
    assert read.rows == [("view", "7", "i", 1.0, 1_260_759_144_000)]
