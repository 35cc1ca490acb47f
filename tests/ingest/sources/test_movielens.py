from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Written = Callable[..., Path]


def test_ratings_csv_is_read_with_the_movies_file_beside_it(write_file: Written, read_back: Any) -> None:
    write_file(
        "movies.csv",
        'movieId,title,genres\n1,Toy Story (1995),Adventure|Comedy\n2,"Up, The (2013)",(no genres listed)\n',
    )
    path = write_file("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")
    read = read_back(path)
    assert read.rows == [("rating", "1", "1", 4.0, 964_982_703_000)]
    assert [(e.id, e.title, e.categories) for e in read.catalog] == [
        ("1", "Toy Story (1995)", ("Adventure", "Comedy")),
        ("2", "Up, The (2013)", ()),
    ]
    assert [e.attributes for e in read.catalog] == [
        {"published_at": "1995-01-01"},
        {"published_at": "2013-01-01"},
    ]


@pytest.mark.parametrize("title", ["Babylon 5", "(1995) Toys", "Year (95)"])
def test_a_title_without_a_year_at_its_end_gives_no_time_of_publication(
    write_file: Written, read_back: Any, title: str
) -> None:
    write_file("movies.csv", f"movieId,title,genres\n1,{title},Drama\n")
    (item,) = read_back(
        write_file("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")
    ).catalog
    assert item.attributes == {}


def test_u_data_is_read_with_items_and_users_in_latin_1(write_file: Written, read_back: Any) -> None:
    flags = "|".join(["0"] * 5 + ["1"] + ["0"] * 12 + ["1"])
    write_file("u.item", f"1|Les Misérables (1995)|01-Jan-1995||http://x|{flags}\n", "latin-1")
    write_file("u.user", "1|24|M|technician|85711\n")
    read = read_back(write_file("u.data", "196\t242\t3\t881250949\n"))
    assert read.rows == [("rating", "196", "242", 3.0, 881_250_949_000)]
    item, user = read.catalog
    assert (item.title, item.categories) == ("Les Misérables (1995)", ("Comedy", "Western"))
    assert item.attributes == {"release_date": "01-Jan-1995", "published_at": "1995-01-01"}
    assert user.kind == "user"
    assert user.attributes == {"age": "24", "gender": "M", "occupation": "technician", "zip_code": "85711"}


def test_ratings_dat_is_read_with_movies_and_users_in_latin_1(write_file: Written, read_back: Any) -> None:
    write_file("movies.dat", "1::Café (1995)::Animation|Children's\n", "latin-1")
    write_file("users.dat", "1::F::1::10::48067\n2::M::56::99::70072\n")
    read = read_back(write_file("ratings.dat", "1::1193::5::978300760\n"))
    assert read.rows == [("rating", "1", "1193", 5.0, 978_300_760_000)]
    item, first, second = read.catalog
    assert (item.title, item.categories) == ("Café (1995)", ("Animation", "Children's"))
    assert first.attributes == {
        "age": "under 18",
        "gender": "F",
        "occupation": "K-12 student",
        "zip_code": "48067",
    }
    assert second.attributes["occupation"] == "99"
