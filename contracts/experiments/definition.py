"""An experiment as an operator defines it: arms, audience, metrics. The first arm is the control."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.events import Identifier

MAX_ARMS, MAX_TESTERS, MAX_METRICS = 20, 100, 10
MAX_EXPRESSION_LENGTH, MAX_EXPLORED = 1000, 100
NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,39}$"
# The strategies that an arm may ask, as serving/answer/chain.py names them.
StrategyName = Literal[
    "fresh",
    "als",
    "session",
    "editorial",
    "content",
    "demographic",
    "trending",
    "newest",
    "popular",
    "hybrid",
]
# The metrics by which arms are compared. In each, more is better.
MetricName = Literal[
    "click_through_rate", "clicks_per_user", "conversions_per_user", "conversion_rate", "session_length"
]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArmParameters(_Part):
    """How an arm's answers differ from those outside the experiment. A field that is null changes nothing."""

    known: Literal["auto", "skip", "keep"] | None = None
    filter: Annotated[str, Field(max_length=MAX_EXPRESSION_LENGTH)] | None = None
    diversity: Share | None = None
    per_category: Annotated[int, Field(ge=1, le=1000)] | None = None
    freshness: Share | None = None
    rotation: Share | None = None
    strategies: Annotated[tuple[StrategyName, ...], Field(min_length=1, max_length=10)] | None = Field(
        default=None, description="The strategies in the order in which an answer asks them"
    )
    explore_slots: Annotated[int, Field(ge=0, le=MAX_EXPLORED)] | None = None
    explore_new: Share | None = Field(
        default=None,
        description="With which probability one place holds a new item (Thompson sampling)",
    )
    model_version: Identifier | None = Field(
        default=None, description="A published version whose lists are served in place of the served model's"
    )

    def changes(self) -> dict[str, Any]:
        """The parameters that are set, by name."""
        return {name: value for name, value in self if value is not None}


class Arm(_Part):
    """One of the ways to answer that are compared."""

    name: Name
    weight: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 1.0
    parameters: ArmParameters = ArmParameters()


class Audience(_Part):
    """Who takes part."""

    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    segment: Annotated[str, Field(max_length=MAX_EXPRESSION_LENGTH)] | None = Field(
        default=None, description='An expression on the metadata of users, as "age_group = adult"'
    )


class Guardrail(_Part):
    """A metric that no arm may harm: an arm that surely loses more than ``may_lose`` is stopped."""

    metric: MetricName
    may_lose: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.05, description="The share of the control's value that an arm may lose"
    )


class Definition(_Part):
    """What an experiment compares, on whom, by what, and for how long."""

    name: Name
    hypothesis: Annotated[str, Field(min_length=1, max_length=2000)]
    arms: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=MAX_ARMS)] = Field(
        description="The first is the control"
    )
    audience: Audience = Audience()
    unit: Literal["user", "session"] = Field(
        default="user", description="What is assigned to an arm, and stays there"
    )
    primary: MetricName = "click_through_rate"
    metrics: Annotated[tuple[MetricName, ...], Field(max_length=MAX_METRICS)] = Field(
        default=("clicks_per_user", "conversions_per_user"), description="Further metrics of the report"
    )
    guardrails: Annotated[tuple[Guardrail, ...], Field(max_length=MAX_METRICS)] = ()
    minimum_effect: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = Field(
        default=0.05, description="The smallest lift of the primary metric worth finding, as a share"
    )
    planned_days: Annotated[int, Field(ge=1, le=365)] = 14
    testers: Annotated[dict[Identifier, Name], Field(max_length=MAX_TESTERS)] = Field(
        default_factory=dict, description="User -> arm: always in this arm, and never counted"
    )

    @model_validator(mode="after")
    def _check_arms(self) -> Definition:
        names = [arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two arms are called {', '.join(twice)}: give each its own name")
        if not math.fsum(arm.weight for arm in self.arms) > 0:
            raise ValueError("the weights of the arms sum to zero: give at least two of them a weight")
        if self.arms[0].weight == 0 or not any(arm.weight for arm in self.arms[1:]):
            raise ValueError(
                "the control and another arm need a weight above zero, or there is no comparison"
            )
        unknown = sorted(set(self.testers.values()) - set(names))
        if unknown:
            raise ValueError(f"testers are put into {', '.join(unknown)}, and no arm has this name")
        return self

    @property
    def control(self) -> Arm:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def all_metrics(self) -> tuple[MetricName, ...]:
        """The primary metric, the further ones, those of the guardrails; each once."""
        guarded = (guardrail.metric for guardrail in self.guardrails)
        return tuple(dict.fromkeys((self.primary, *self.metrics, *guarded)))

    def changed_parameters(self) -> frozenset[str]:
        """The names of the parameters that any arm sets."""
        return frozenset(name for arm in self.arms for name in arm.parameters.changes())

    def named_versions(self) -> frozenset[str]:
        """The model versions that arms name."""
        versions = (arm.parameters.model_version for arm in self.arms)
        return frozenset(version for version in versions if version is not None)
