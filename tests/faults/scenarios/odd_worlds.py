"""Worlds that no split, fit or choice was made for: each gives a served model, or a sentence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import numpy.typing as npt

from contracts.events import RATING
from stack.machine.ports import LOOPBACK, free_port
from tests.faults.processes import wait_until
from tests.faults.scenarios.rounds import Training

_PATIENCE_SECONDS = 900.0  # ends a wait that would hang
_MANY = 100_000


class Log(NamedTuple):
    """Ratings, as parallel arrays."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    ratings: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.int64]


def _log(users: npt.ArrayLike, items: npt.ArrayLike, ratings: npt.ArrayLike = 5.0) -> Log:
    """A log with one rating a minute."""
    owners, rated = np.asarray(users, np.int64), np.asarray(items, np.int64)
    given = np.broadcast_to(np.asarray(ratings, np.float64), owners.shape)
    return Log(owners, rated, given, 60 * np.arange(len(owners)))


def ordinary(users: int = 60, items: int = 40, each: int = 15) -> Log:
    """Distinct items for each user, mostly of the user's group, with ratings from 1 to 5."""
    rng = np.random.default_rng(1)
    chosen = [rng.choice(items, each, replace=False) for _ in range(users)]
    order = rng.permutation(users * each)
    owners = np.repeat(np.arange(users), each)
    return _log(owners[order], np.concatenate(chosen)[order], rng.integers(1, 6, users * each))


def one_user() -> Log:
    """Everything is of one user."""
    return _log(np.zeros(150), np.arange(150))


def one_item() -> Log:
    """All users know the same single item."""
    return _log(np.arange(150), np.zeros(150))


def all_ratings_equal() -> Log:
    """Nothing is liked more than anything else."""
    return ordinary()._replace(ratings=np.full(900, 4.0))


def all_times_equal() -> Log:
    """There is no order, and nothing is newer."""
    return ordinary()._replace(seconds=np.zeros(900, np.int64))


def user_of_many_events() -> Log:
    """One user rated 100,000 items, once each."""
    usual, many = ordinary(), _log(np.full(_MANY, 60), np.arange(_MANY))
    return Log(*(np.concatenate(both) for both in zip(usual, many, strict=True)))


def item_of_everyone() -> Log:
    """All users rated item 0 in the middle of their histories."""
    usual = ordinary()
    everyone = Log(np.arange(60), np.full(60, 0), np.full(60, 5.0), np.full(60, 27_000))
    kept = Log(*(column[usual.items != 0] for column in usual))
    return Log(*(np.concatenate(both) for both in zip(kept, everyone, strict=True)))


def few_of_a_million() -> Log:
    """10,000 items have events; the highest number among them is 1,000,000."""
    rng = np.random.default_rng(2)
    usual = ordinary(users=1000, items=10_000, each=30)
    return usual._replace(items=np.sort(rng.choice(1_000_001, 10_000, replace=False))[usual.items])


def without_a_slice_to_choose_on() -> Log:
    """Each user has one item, so that nothing can be held out, and no weights can be chosen."""
    return _log(np.arange(300), np.arange(300) % 30)


def users_who_did_the_same() -> Log:
    """Each history belongs to two users, to the second."""
    usual = ordinary()
    half = Log(*(column[usual.users < 30] for column in usual))
    return Log(
        *(np.concatenate(both) for both in zip(half, half._replace(users=half.users + 30), strict=True))
    )


def from_another_time() -> Log:
    """A seventh of the events is of a time in thousands of years, and a seventh of one long ago."""
    usual = ordinary()
    usual.seconds[::7], usual.seconds[1::7] = 200_000_000_000, -1_700_000_000
    return usual


def nothing_is_liked() -> Log:
    """All ratings are the worst."""
    return ordinary()._replace(ratings=np.full(900, 0.5))


def users_who_had_everything() -> Log:
    """All users rated all items, so nothing is left to recommend."""
    users, items = np.divmod(np.arange(960), 12)
    return _log(users, items, np.random.default_rng(3).integers(1, 6, 960))


WORLDS: Mapping[str, Callable[[], Log]] = {
    "one user": one_user,
    "one item": one_item,
    "all ratings equal": all_ratings_equal,
    "all times equal": all_times_equal,
    "100,000 events of one user": user_of_many_events,
    "an item that all have": item_of_everyone,
    "10,000 of 1,000,000 items": few_of_a_million,
    "nothing to choose on": without_a_slice_to_choose_on,
    "two users each who did the same": users_who_did_the_same,
    "events of other millennia": from_another_time,
    "nothing is liked": nothing_is_liked,
    "all users had all items": users_who_had_everything,
}


def each_gives_a_model_or_a_sentence(folder: Path) -> str:
    """Train each world and ask the API for lists."""
    found = {}
    for place, (name, make) in enumerate(WORLDS.items()):
        training = Training(folder / str(place))
        training.env |= {"RANKING": "blend", "TRAIN_MIN_EVENTS": "1"}
        try:
            training.start_redis()
            log = make()
            training.write(log.users, log.items, log.seconds, RATING, log.ratings)
            training.start_trainer()
            found[name] = _ask(training, log) if _publishes(training) else _sentence(training)
        finally:
            training.stop()
    return "; ".join(f"{name}: {what}" for name, what in found.items())


def _publishes(training: Training) -> bool:
    number = training.publisher.request()

    until = time.monotonic() + _PATIENCE_SECONDS
    while not training.publisher.read_status().has_served(number):
        assert time.monotonic() < until, f"a round took more than {_PATIENCE_SECONDS:g} s"
        training.phase()  # raises where the trainer has ended
        time.sleep(0.5)
    return training.publisher.read_status().outcome == "published"


def _sentence(training: Training) -> str:
    status = training.publisher.read_status()
    assert status.outcome, "the round says how it ended"
    assert status.reason, f"{status.outcome} without a sentence"
    return f"{status.outcome}: {status.reason}"


def _ask(training: Training, log: Log) -> str:
    """Lists for a user and for a session, which do not hold what the user had."""
    version = training.publisher.read_status().version
    port = free_port()
    api = training.start("api", sys.executable, "-m", "serving", API_PORT=str(port))
    try:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=30) as client:
            wait_until(lambda: _is_there(client), "the API answers")
            user, item = int(log.users[-1]), int(log.items[-1])
            had = {f"i{each}" for each in log.items[log.users == user].tolist()}
            lists = [
                client.get(f"/v1/users/u{user}/recommendations").raise_for_status().json(),
                client.post("/v1/recommendations", json={"items": [{"item_id": f"i{item}"}]})
                .raise_for_status()
                .json(),
            ]
            assert lists[0]["model_version"] == version
            assert not had & {each["item_id"] for each in lists[0]["items"]}
            counts = " and ".join(str(len(each["items"])) for each in lists)
            manifest = training.publisher.current_manifest()
            why = manifest.blend.hot_choice.why if manifest and manifest.blend else "no blend"
            return f"served, {counts} items for a user and a session; {why}"
    finally:
        api.stop()


def _is_there(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/users/nobody/recommendations").status_code == 200
    except httpx.TransportError:
        return False
