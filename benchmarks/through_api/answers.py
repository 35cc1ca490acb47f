"""Starts a stack that learns a world, and asks it the world's questions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.questions import Questions
from benchmarks.startup.stack import PORTS, headwater, wait_until_served
from benchmarks.through_api.worlds import World
from contracts.events import RATING
from stack.status import api_client

_PATIENCE_SECONDS = 10.0  # until a write counts in the lists


@contextmanager
def trained_stack(world: World, folder: Path) -> Iterator[str]:
    """The API's address of a stack that serves a model of the world's first events; stops it at the end."""
    folder.mkdir(parents=True)
    source, data_dir = folder / "events.csv", str(folder / "data")
    _write(world, source)
    headwater("up", "--no-producer", "--detach", *PORTS, "--train-every", "0", "--data-dir", data_dir)
    try:
        kind = () if world.event_type == RATING else ("--event-type", world.event_type)
        headwater("--data-dir", data_dir, "ingest", str(source), "--yes", *kind)
        _wait_for_lake(data_dir)
        headwater("--data-dir", data_dir, "train", "--now")
        yield str(wait_until_served(Path(data_dir))["addresses"]["api"])
    finally:
        headwater("down", "--data-dir", data_dir)


def served_lists(world: World, questions: Questions, api: str, n: int) -> NDArray[np.int32]:
    """(questions, n): items as numbers, -1 where a list is short."""
    if world.is_of_visits:
        return np.array([_ask_session(api, world, visit, n) for visit in _visits(questions)], np.int32)
    if not world.is_live:
        return np.array([_ask(api, user, n) for user in questions.users.tolist()], np.int32)
    asked = {
        (int(user), int(moment)): place
        for place, (user, moment) in enumerate(zip(questions.users, questions.histories.now_ms, strict=True))
    }
    lists = np.full((len(questions), n), -1, np.int32)
    until = questions.histories.now_ms.max()
    for row in np.flatnonzero(world.is_later & (world.times_ms <= until)).tolist():
        user = int(world.users[row])
        place = asked.get((user, int(world.times_ms[row])))
        if place is not None:
            lists[place] = _ask(api, user, n)
        _send(api, world, row)
    return lists


def _write(world: World, path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        is_rating = world.event_type == RATING
        writer.writerow(["user_id", "item_id", *(["rating"] if is_rating else []), "timestamp"])
        for row in np.flatnonzero(~world.is_later).tolist():
            value = [world.values[row]] if is_rating else []
            writer.writerow([_user(world.users[row]), _item(world.items[row]), *value, world.times_ms[row]])


def _wait_for_lake(data_dir: str) -> None:
    """Wait until the lake query has the whole log, because a round must not train on half of it."""
    wait_until_served(Path(data_dir), with_model=False)


def _ask(api: str, user: int, n: int) -> list[int]:
    return _numbers(api_client.recommendations(api, _user(user), n), n)


def _numbers(answer: Any, n: int) -> list[int]:
    items = [int(each["item_id"][1:]) for each in answer["items"]]
    return [*items, *[-1] * n][:n]


def _visits(questions: Questions) -> Iterator[list[int]]:
    """The items of each question's visit, oldest first."""
    histories = questions.histories
    for first, last in zip(histories.indptr[:-1], histories.indptr[1:], strict=True):
        yield histories.items[first:last][::-1].tolist()


def _ask_session(api: str, world: World, items: list[int], n: int) -> list[int]:
    session = [{"item_id": _item(item), "event_type": world.event_type} for item in items]
    return _numbers(api_client.call(f"{api}/v1/recommendations?n={n}", {"items": session}), n)


def _send(api: str, world: World, row: int) -> None:
    """Send one event and wait until it is applied."""
    user = _user(world.users[row])
    event: dict[str, object] = {
        "event_type": world.event_type,
        "user_id": user,
        "item_id": _item(world.items[row]),
        "event_time": int(world.times_ms[row]),
    }
    token = api_client.send_events(api, [event])["token"]
    api_client.recommendations_after(api, user, 1, token, _PATIENCE_SECONDS)


def _user(number: Any) -> str:
    return f"u{number}"


def _item(number: Any) -> str:
    return f"i{number}"
