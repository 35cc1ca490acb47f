"""What experiments ask of one answer: the arms that it is part of, and how they change its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.experiments.assignment import Assignment, arms_text
from serving.question.expression import AllOf, Expression, parse
from serving.question.list_options import ListOptions


@dataclass(frozen=True)
class Treatment:
    """The arms of one unit. Parameters are those of contracts.experiments.definition.ArmParameters."""

    arm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    matching: Expression | None = None

    def of_options(self, options: ListOptions, named: Set[str]) -> ListOptions:
        """The options by these arms. What the request ``named`` stays; of two filters both must hold."""
        if not self.arm:
            return options
        changes = {name: value for name, value in self.parameters.items() if name not in named}
        if self.matching is not None:
            both = (self.matching, options.matching)
            changes["matching"] = self.matching if options.matching is None else AllOf(both)  # type: ignore[arg-type]
        return replace(options, arm=self.arm, **changes)


NO_TREATMENT = Treatment()


def treatment_of(assignments: Iterable[Assignment]) -> Treatment:
    """The treatment of the assignments together: no two experiments that run change the same parameter.

    Raises ExpressionError for a filter that is no expression.
    """
    assigned = list(assignments)
    parameters: dict[str, Any] = {}
    for assignment in assigned:
        parameters |= assignment.arm.parameters.changes()
    text = parameters.pop("filter", None)
    return Treatment(arms_text(assigned), parameters, None if text is None else parse(text))
