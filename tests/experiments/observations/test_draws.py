from __future__ import annotations

from typing import Any

import pytest

from experiments.observations.draws import NO_ITEM, Draws, draws_of
from tests.experiments.lake_rows import HOUR, START, exposure, interaction, rows


def a_list(user: str, items: str, drawn: dict[str, float], at: int = START, **fields: Any) -> dict[str, Any]:
    """A list with the items i, j, ...; some of them were drawn with a probability."""
    row = exposure(user, "a", items, at, **fields)
    for each in row["items"]:
        each["propensity"] = drawn.get(each["item_id"])
    return row


def decisions(draws: Draws) -> list[tuple[str, str | None, float, float]]:
    users, items = draws.user_ids.to_pylist(), draws.item_ids.to_pylist()
    return [
        (users[user], None if item == NO_ITEM else items[item], propensity, clicked)
        for user, item, propensity, clicked in zip(
            draws.user.tolist(),
            draws.item.tolist(),
            draws.propensity.tolist(),
            draws.clicked.tolist(),
            strict=True,
        )
    ]


def test_each_drawn_place_is_a_decision_and_so_is_a_list_without_one() -> None:
    lists = [a_list("ann", "ixj", {"x": 0.05}), a_list("bob", "ij", {}), a_list("carl", "yi", {"y": 0.15})]
    done = [interaction("ann", "x", START + 5), interaction("carl", "i", START + 5)]
    found = decisions(draws_of(rows(lists, done), HOUR))
    assert found == [("ann", "x", 0.05, 1.0), ("carl", "y", 0.15, 0.0), ("bob", None, 1.0, 0.0)]


def test_of_several_places_that_were_drawn_alike_each_has_its_part_of_the_probability() -> None:
    found = decisions(draws_of(rows([a_list("ann", "ixy", {"x": 0.4, "y": 0.4})], []), HOUR))
    assert [propensity for _, _, propensity, _ in found] == [0.2, 0.2]


@pytest.mark.parametrize("event_type", ["dislike", "retract"])
def test_events_that_are_no_clicks_earn_nothing(event_type: str) -> None:
    done = [interaction("ann", "x", START + 5, event_type)]
    ((_, _, _, clicked),) = decisions(draws_of(rows([a_list("ann", "x", {"x": 0.4})], done), HOUR))
    assert clicked == 0


def test_lists_of_a_kind_or_an_arm_without_draws_and_those_of_nobody_are_no_decisions() -> None:
    lists = [
        a_list("ann", "ix", {"x": 0.5}),
        a_list("bob", "ij", {}, kind="group"),
        a_list("carl", "ij", {}) | {"arm": "e/1:b"},
        a_list("dora", "ij", {}) | {"user_id": None},
        a_list("ann", "ij", {}, reported_by="client"),
    ]
    assert [user for user, _, _, _ in decisions(draws_of(rows(lists, []), HOUR))] == ["ann"]
