"""The demo's visitors ask the API for lists and rate what they like, in an experiment with two arms.

Lists made for a user are better than popular lists by construction, because the visitors have a taste
(`ingest/simulated/visitors.py`). `headwater experiments report demo-lists` shows how much better.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

import numpy as np
from pydantic import SecretStr

from clients.json_logs import log_json_lines
from contracts.settings import ExperimentSettings
from experiments.api import ExperimentApi, ExperimentApiError
from ingest.simulated.source import SyntheticWorld, WorldSize
from ingest.simulated.visitors import Visit, Visitors, as_events
from stack.status import api_client
from stack.status.api_client import ApiError

LISTS_A_SECOND = 2.0
SHOWN = 10
_LOOK_SECONDS = 1.0
_TROUBLE_SECONDS = 5.0
_log = logging.getLogger("headwater.visitors")

NAME = "demo-lists"
DEFINITION: dict[str, Any] = {
    "name": NAME,
    "hypothesis": "Lists made for each user are clicked more often than the list of what is popular.",
    "arms": [
        {"name": "popular", "parameters": {"strategies": ["popular"]}},
        {"name": "personal"},
    ],
    # The demo has a hundred users: too few for a verdict within minutes, so each visit is a unit.
    "unit": "session",
    "primary": "click_through_rate",
    "metrics": ["clicks_per_user", "conversions_per_user"],
    "guardrails": [{"metric": "session_length", "may_lose": 0.2}],
    "minimum_effect": 0.2,
    "planned_days": 1,
}


class Site(Protocol):
    """The site that visitors use. Both methods raise ApiError."""

    def ask(self, user_id: str, session_id: str) -> Any:
        """Ask for a list; the answer is that of GET /v1/users/{user_id}/recommendations."""

    def send(self, events: list[dict[str, object]]) -> None:
        """Send events by POST /v1/events."""


class Api:
    """The API as the site; ``key`` is for reads and writes where the API has keys."""

    def __init__(self, url: str, key: SecretStr | None = None) -> None:
        self._url, self._key = url, key

    def ask(self, user_id: str, session_id: str) -> Any:
        """Ask for a list for this session."""
        return api_client.recommendations(self._url, user_id, SHOWN, session_id, key=self._key)

    def send(self, events: list[dict[str, object]]) -> None:
        """Send the events, and wait for the acknowledgement."""
        api_client.send_events(self._url, events, self._key)


def main() -> None:
    """Make visits without end, as soon as a model is served."""
    log_json_lines()
    settings = ExperimentSettings()
    visitors = Visitors(SyntheticWorld(WorldSize()), np.random.default_rng())
    key = settings.api_key or settings.admin_api_key
    site = Api(settings.api_url, key)
    while not serves_a_model(settings.api_url, visitors.world.user_id(0), key):
        time.sleep(_LOOK_SECONDS)
    begin_experiment(ExperimentApi(settings))
    while True:
        try:
            stay(visitors, visitors.visit(), site)
        except ApiError as error:
            _log.warning("a visit ended early: %s", error)
            time.sleep(_TROUBLE_SECONDS)


def serves_a_model(api_url: str, user_id: str, key: SecretStr | None = None) -> bool:
    """Whether the API answers from a model: before that, both arms would be the popular list."""
    try:
        answer = api_client.recommendations(api_url, user_id, 1, exposure=False, key=key)
        return answer["model_version"] is not None
    except ApiError:
        return False


def begin_experiment(api: ExperimentApi) -> None:
    """Start the experiment, unless it ran before: somebody who stopped it wants it stopped."""
    try:
        known = {each.name: each.state for each in api.all()}
        if NAME not in known:
            api.define(DEFINITION)
        if known.get(NAME, "draft") == "draft":
            api.start(NAME)
            _log.info("the experiment %s has started", NAME)
    except ExperimentApiError as error:
        _log.warning("the experiment %s has not started: %s", NAME, error)


def stay(visitors: Visitors, visit: Visit, site: Site, lists_a_second: float = LISTS_A_SECOND) -> None:
    """One visit: a list, what the user rates of it, a pause, the next list. Raises ApiError."""
    user_id = visitors.world.user_id(visit.user)
    for _ in range(visit.lists):
        answer = site.ask(user_id, visit.session_id)
        shown = [each["item_id"] for each in answer["items"]]
        ratings = visitors.ratings(visit.user, shown, time.time_ns() // 1_000_000)
        if ratings:
            site.send(as_events(user_id, visit.session_id, answer["recommendation_id"], ratings))
        time.sleep(float(visitors.chance.exponential(1 / lists_a_second)))


if __name__ == "__main__":
    main()
