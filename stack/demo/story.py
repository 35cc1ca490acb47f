"""One user's story, told through the API: what the user liked, what was recommended, what ratings changed.

It needs no training: the online query folds the new ratings in to the served model as they arrive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stack.demo.story_choice import choose_favourites, choose_user
from stack.machine.errors import StackError
from stack.run.launch import Run
from stack.status import api_client

SHOWN = 10
_MOST_ITEMS = 1000
_NEIGHBOURS = 50
_WAIT_SECONDS = 5.0  # for one request; the API allows 10
_LONGEST_WAIT_SECONDS = 120.0  # a tenth of a second is usual on an idle machine


def tell(run: Run) -> None:
    """Tell the story. Raises StackError where there is no user, or the new ratings do not reach the list."""
    api, say = run.ports.api_url, run.phases.say
    user = choose_user(run.folders.lake)
    if user is None:
        raise StackError("The lake holds no user to tell a story of")
    titles = titles_of(api_client.popular(api, _MOST_ITEMS)["items"])
    history = api_client.history(api, user, _MOST_ITEMS)["items"]
    say(f"\nThe story of user {user}, who liked these most of {len(history)} items:")
    liked = sorted(history, key=lambda each: (-each["value"], -each["event_time"]))[:SHOWN]
    for each in liked:
        say(f"  {each['value']:>4g}  {titles.get(each['item_id'], each['item_id'])}")

    before = api_client.recommendations(api, user, SHOWN)["items"]
    titles |= titles_of(before)
    say("\nRecommended before:")
    show(say, before, {})

    known = {each["item_id"] for each in history}
    new = choose_favourites(before, known, lambda item: _neighbours(api, item))
    say("\nThe user now rates, with 5 each:")
    for item in new:
        say(f"        {titles.get(item, item)}")
    ratings = [{"event_type": "rating", "user_id": user, "item_id": item, "value": 5.0} for item in new]
    token = api_client.send_events(api, [dict(rating) for rating in ratings])["token"]
    after, seconds = _changed_list(api, user, token)
    titles |= titles_of(after)
    say(f"\nRecommended {seconds:.2f} s after the ratings were acknowledged (+ is new in the list):")
    reasons = why(after, {item: _neighbours(api, item) for item in new}, titles)
    show(say, after, reasons, was={each["item_id"] for each in before})


def _changed_list(api: str, user: str, token: str) -> tuple[list[dict[str, Any]], float]:
    """The list once the ratings count, and the seconds since their acknowledgement. Raises StackError."""
    begin = time.monotonic()
    while time.monotonic() - begin < _LONGEST_WAIT_SECONDS:
        answer = api_client.recommendations_after(api, user, SHOWN, token, _WAIT_SECONDS)
        if not answer["stale"]:
            return answer["items"], time.monotonic() - begin
    raise StackError(
        f"The new ratings of user {user} did not reach the list within {_LONGEST_WAIT_SECONDS:g} s: "
        "see `headwater status` for the online query's lag, and its log streaming.log"
    )


def show(
    say: Callable[[str], None],
    items: Sequence[Mapping[str, Any]],
    reasons: Mapping[str, str],
    was: set[str] | None = None,
) -> None:
    """Print a list with its sources and reasons."""
    for each in items:
        new = "+" if was is not None and each["item_id"] not in was else " "
        reason = reasons.get(each["item_id"], "")
        say(f"  {each['rank']:>2} {new} {each['title'] or each['item_id']} [{each['source']}]{reason}")


def why(
    items: Sequence[Mapping[str, Any]], neighbours: Mapping[str, Sequence[str]], titles: Mapping[str, str]
) -> dict[str, str]:
    """For each item, a sentence with the newly rated items that it is similar to, most similar first."""
    reasons = {}
    for each in items:
        item = each["item_id"]
        places = sorted((near.index(item), rated) for rated, near in neighbours.items() if item in near)
        if places:
            names = ", ".join(
                f"{titles.get(rated, rated)} (neighbour {place + 1})" for place, rated in places
            )
            reasons[item] = f"  because it is similar to {names}"
    return reasons


def titles_of(items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The title of each item that has one."""
    return {each["item_id"]: each["title"] for each in items if each.get("title")}


def _neighbours(api: str, item: str) -> list[str]:
    return [each["item_id"] for each in api_client.similar(api, item, _NEIGHBOURS)["items"]]
