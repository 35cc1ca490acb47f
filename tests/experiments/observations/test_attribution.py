"""Which events name an answer, and which of these answers their user saw."""

from __future__ import annotations

from contracts.events import UNREADABLE_ID
from experiments.observations.attribution import named_answers
from tests.experiments.lake_rows import START, exposure, interaction, rows


def test_an_event_names_an_answer_that_its_user_saw_or_it_counts_as_not_shown() -> None:
    exposures = [
        exposure("ann", "a", "ij", START, recommendation_id="r"),
        exposure("ann", "a", "j", START + 1, recommendation_id="r", reported_by="client"),
        exposure("ann", "a", "i", START, recommendation_id="of nobody") | {"user_id": None},
    ]
    named = [("ann", "r"), ("ann", "of nobody"), ("bob", "of nobody"), ("bob", "r"), ("carl", "r")]
    named += [("ann", UNREADABLE_ID), ("ann", "forged")]
    events = [
        interaction(user, "i", START + place, recommendation_id=answer)
        for place, (user, answer) in enumerate(named)
    ]
    found = rows(exposures, [*events, interaction("ann", "i", START)])
    assert named_answers(found.exposures, found.interactions) == (7, 4)


def test_without_rows_nothing_is_named() -> None:
    nothing = rows([], [])
    assert named_answers(nothing.exposures, nothing.interactions) == (0, 0)
    only = rows([], [interaction("ann", "i", START, recommendation_id="r")])
    assert named_answers(only.exposures, only.interactions) == (1, 1)
