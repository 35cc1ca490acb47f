"""Which of an answer's options the arm sets, and which the request keeps."""

from __future__ import annotations

from contracts.experiments.assignment import Assignment
from contracts.experiments.definition import Arm, ArmParameters
from serving.question.expression import parse
from serving.question.item_facts import ItemFacts
from serving.question.list_options import ListOptions
from serving.question.treatment import NO_TREATMENT, treatment_of

OPTIONS = ListOptions(10, diversity=0.2, matching=parse("year > 2000"))


def assignment(run: str, **parameters: object) -> Assignment:
    return Assignment(run, Arm(name="b", parameters=ArmParameters.model_validate(parameters)))


def test_arms_of_several_experiments_change_their_parameters_together() -> None:
    arms = [assignment("one/1", diversity=0.7), assignment("two/3", strategies=["popular"], explore_slots=2)]
    found = treatment_of(arms).of_options(OPTIONS, named=frozenset())
    assert found.arm == "one/1:b,two/3:b"
    assert (found.diversity, found.strategies, found.explore_slots, found.n) == (0.7, ("popular",), 2, 10)


def test_options_that_the_request_names_are_kept() -> None:
    found = treatment_of([assignment("one/1", diversity=0.7, freshness=0.1)]).of_options(
        OPTIONS, {"diversity"}
    )
    assert (found.diversity, found.freshness, found.arm) == (0.2, 0.1, "one/1:b")


def test_the_filters_of_the_request_and_of_the_arm_must_both_hold() -> None:
    found = treatment_of([assignment("one/1", filter="year < 2010")]).of_options(OPTIONS, {"filter"})
    assert found.matching is not None
    years = {
        year: found.matching.holds(ItemFacts(attributes={"year": year})) for year in ("1999", "2005", "2020")
    }
    assert years == {"1999": False, "2005": True, "2020": False}
    alone = treatment_of([assignment("one/1", filter="year < 2010")]).of_options(ListOptions(1), frozenset())
    assert alone.matching == parse("year < 2010")


def test_without_an_experiment_the_options_are_the_same_object() -> None:
    assert NO_TREATMENT.of_options(OPTIONS, frozenset()) is OPTIONS
