"""The interaction event: its fields, its bounds and its JSON form.

``streaming/records/parse.py`` has the same bounds as Spark expressions; the parity test in
``tests/contracts/test_events.py`` runs the same examples through both.
"""

from __future__ import annotations

import math
import re
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from contracts.identifiers import canonical_id
from contracts.moments import EARLIEST_PLAUSIBLE_MS, moment_of

RATING = "rating"  # the only type whose events have different values; the strength follows from the value
PURCHASE = "purchase"  # the type that is counted for the reason "you buy this often"
RETRACT = "retract"  # cancels what its user did with its item before its event time


class EventRule(NamedTuple):
    """What one event type means to every service."""

    name: str
    weight: float = 0.0  # default in EVENT_WEIGHTS; below zero: the user does not want the item
    opposite: str | None = None  # a type: of an event of this type and one of that type, the newer counts


# The one place where an event type is declared. Stored records name a type by its position here (its code
# is 1 + position), so a new type goes to the end, and no row is ever moved.
EVENT_RULES: tuple[EventRule, ...] = (
    EventRule("view", weight=1.0),
    EventRule("click", weight=2.0),
    EventRule("like", weight=4.0, opposite="dislike"),
    EventRule(RATING),
    EventRule(PURCHASE, weight=5.0),
    EventRule("dislike", weight=-1.0, opposite="like"),
    EventRule(RETRACT),
)
EVENT_TYPES: tuple[str, ...] = tuple(rule.name for rule in EVENT_RULES)
DEFAULT_WEIGHTS: dict[str, float] = {
    rule.name: rule.weight for rule in EVENT_RULES if rule.name not in (RATING, RETRACT)
}
WEIGHTED_TYPES: tuple[str, ...] = tuple(DEFAULT_WEIGHTS)
# Types that say that the user does not want the item.
NEGATIVE_TYPES: tuple[str, ...] = tuple(name for name, weight in DEFAULT_WEIGHTS.items() if weight < 0)
if TYPE_CHECKING:
    EventType: TypeAlias = str
    WeightedType: TypeAlias = str
else:
    EventType = Literal[EVENT_TYPES]
    WeightedType = Literal[WEIGHTED_TYPES]

MIN_RATING, MAX_RATING = 0.5, 5.0
MAX_ID_LENGTH = 128
MAX_FUTURE_MS = 5 * 60 * 1000
MAX_EVENT_TIME_MS = 253_402_300_799_999  # 9999-12-31, the last instant Spark and Python both print
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


# Category Cc is U+0000-001F and U+007F-009F; Java's \p{Cntrl} with UNICODE rules means the same.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def _no_control_characters(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _no_lone_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not valid Unicode text") from error
    return text


def _epoch_ms(value: Any) -> Any:
    """Text as epoch milliseconds by the rule of `contracts.moments`; any other value as it is.

    Raises ValueError for text that is not a time.
    """
    if not isinstance(value, str):
        return value
    try:
        return moment_of(value)
    except (ValueError, OverflowError) as error:
        raise ValueError("event_time must be epoch milliseconds or ISO 8601") from error


Identifier = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_LENGTH),
    BeforeValidator(canonical_id),
    AfterValidator(_no_control_characters),
    AfterValidator(_no_lone_surrogates),
]
EpochMillis = Annotated[int, BeforeValidator(_epoch_ms), Field(strict=True, ge=0, le=MAX_EVENT_TIME_MS)]


# What an event says in place of a recommendation id that no answer can have. The event counts all the same.
UNREADABLE_ID = "unreadable"


def _or_unreadable(value: Any, validate: ValidatorFunctionWrapHandler) -> str | None:
    if isinstance(value, str) and not canonical_id(value):
        return None  # programs write an empty text for an absent id
    try:
        return cast("str", validate(value))
    except ValidationError:
        return UNREADABLE_ID


class Interaction(BaseModel):
    """One interaction of one user with one item. Times are epoch milliseconds UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    event_id: Annotated[str, Field(pattern=UUID_PATTERN), AfterValidator(str.lower)] = Field(
        default_factory=lambda: str(uuid.uuid4())
    )
    event_type: EventType
    user_id: Identifier
    item_id: Identifier
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    event_time: EpochMillis = Field(default_factory=lambda: time.time_ns() // 1_000_000)
    schema_version: Literal[1] = 1
    session_id: Identifier | None = None
    recommendation_id: Annotated[Identifier | None, WrapValidator(_or_unreadable)] = None
    # True: the event really happened before 1990. Without it, such an early time is rejected, because its
    # unit is probably wrong.
    time_from_zero: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _check_value(self) -> Interaction:
        object.__setattr__(self, "value", checked_value(self.event_type, self.value))
        return self

    @property
    def key(self) -> bytes:
        """The record's key: a user's events stay in one partition."""
        return self.user_id.encode()

    def to_json(self) -> bytes:
        """The record's bytes on the ``interactions`` topic."""
        return self.model_dump_json(exclude_none=True).encode()


def checked_value(event_type: str, value: float | None) -> float:
    """The value with which an event is stored: a rating's value, 1 for every other type.

    Raises ValueError where a rating has no value or a value outside 0.5-5, and where an event of another type
    has a value that is not 1.
    """
    if event_type != RATING:
        if value not in (None, 1.0):
            raise ValueError(f"value of a {event_type} must be 1 or absent")
        return 1.0
    if value is None:
        raise ValueError("a rating needs a value")
    if not math.isfinite(value) or not MIN_RATING <= value <= MAX_RATING:
        raise ValueError(f"value of a rating must lie in {MIN_RATING}-{MAX_RATING:g}")
    return value


def from_future(event_time_ms: int, now_ms: int) -> bool:
    """Whether an event lies further ahead of the broker's clock than clocks may differ."""
    return event_time_ms > now_ms + MAX_FUTURE_MS


def before_any_log(event_time_ms: int, time_from_zero: bool | None) -> bool:
    """Whether a time is before 1990, so that its unit is probably wrong, and nothing confirms it."""
    return event_time_ms < EARLIEST_PLAUSIBLE_MS and not time_from_zero
