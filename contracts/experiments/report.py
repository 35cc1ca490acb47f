"""The report on an experiment, as a record: its fields are those of the JSON, in files and of the API."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")


class ArmFigures(_Record):
    """What the units of an arm saw and did."""

    arm: str
    users: int
    impressions: int
    clicks: int
    conversions: int
    metrics: dict[str, float | None]
    stopped: str | None = None  # why the arm was stopped


class Interval(_Record):
    """A test's p-value, and the 95 % interval of the lift; a bound is None where there is none."""

    p_value: float
    low: float | None
    high: float | None
    corrected_p_value: float | None = Field(None, description="Holm's, over all arms and metrics")


class ComparisonRecord(_Record):
    """One arm against the control in one metric."""

    arm: str
    metric: str
    lift: float | None
    fixed_horizon: Interval
    any_time: Interval
    with_cuped: Interval
    variance_reduction: float


class GuardrailRecord(_Record):
    """A guardrail for one arm."""

    arm: str
    metric: str
    may_lose: float
    low: float | None
    high: float | None
    violated: bool


class NoveltyRecord(_Record):
    """The lift of the primary metric by day since the first exposure."""

    arm: str
    lifts: list[float | None]
    slope: float | None
    p_value: float | None
    found: bool


class Practice(_Record):
    """One of the six practices, whether it holds for this run, and why."""

    name: str
    holds: bool
    why: str


class SampleRatioRecord(_Record):
    """The check of the units in each arm against the arms' weights."""

    p_value: float
    alarm: bool


class PlanRecord(_Record):
    """The statistical power so far, and the time that is left."""

    needed_users: int | None
    power_now: float | None
    days_run: float
    planned_days: int
    days_left: float | None


class Report(_Record):
    """The whole report."""

    format: int = FORMAT
    experiment: str
    run: int
    state: str
    hypothesis: str
    unit: str = "user"  # what "users" counts: users, or sessions
    primary: str
    arms: list[ArmFigures]
    comparisons: list[ComparisonRecord]
    sample_ratio: SampleRatioRecord
    plan: PlanRecord
    novelty: list[NoveltyRecord]
    guardrails: list[GuardrailRecord]
    refused_exposures: int
    versions: dict[str, int]
    practices: list[Practice]
    decision: str


class KeptReport(_Record):
    """The newest report that the API keeps of an experiment."""

    at: int = Field(ge=0, description="When it was made; epoch milliseconds")
    report: Report
