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
    """The arms of one unit, and the parameters that they set (contracts.experiments.definition)."""

    arm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    matching: Expression | None = None

    def of_options(self, options: ListOptions, named: Set[str]) -> ListOptions:
        """The options as these arms change them.

        Options that the request ``named`` stay as they are. Where request and arm have a filter, both apply.
        """
        if not self.arm:
            return options
        changes = {name: value for name, value in self.parameters.items() if name not in named}
        if self.matching is not None:
            both = (self.matching, options.matching)
            changes["matching"] = self.matching if options.matching is None else AllOf(both)  # type: ignore[arg-type]
        return replace(options, arm=self.arm, **changes)


NO_TREATMENT = Treatment()


def treatment_of(assignments: Iterable[Assignment]) -> Treatment:
    """The treatment of all assignments together; no two running experiments set the same parameter.

    Raises ExpressionError for a filter that is not an expression.
    """
    assigned = list(assignments)
    parameters: dict[str, Any] = {}
    for assignment in assigned:
        parameters |= assignment.arm.parameters.changes()
    text = parameters.pop("filter", None)
    return Treatment(arms_text(assigned), parameters, None if text is None else parse(text))
