"""The alarms that the figures of one moment can show, each with its advice (docs/operations.md).

Their names and limits are those of watch/alerts.yml. Only Prometheus has the alarms on rates over minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypedDict

Figures = Mapping[str, float]


class Alarm(NamedTuple):
    """A condition under which something is wrong, and what to do then."""

    name: str  # as in watch/alerts.yml, and the heading in docs/operations.md
    rings: Callable[[Figures], bool]
    advice: str  # the beginning of the entry in docs/operations.md


class RingingAlarm(TypedDict):
    """An alarm as the page shows it."""

    name: str
    advice: str


def _above(figure: str, limit: float) -> Callable[[Figures], bool]:
    return lambda figures: figures.get(figure, 0.0) > limit


def _is_set(figure: str) -> Callable[[Figures], bool]:
    return lambda figures: figures.get(figure) == 1.0


def _lake_lag(figures: Figures) -> bool:
    applied = figures.get("streaming_online_events", 0.0)
    return applied - figures.get("streaming_lake_events", applied) > 1_000_000


STALE = "HeadwaterAnswersStale"
ALARMS: tuple[Alarm, ...] = (
    Alarm(
        STALE,
        lambda _: False,  # `ringing` adds it where Redis does not answer
        "Redis does not answer within REDIS_TIMEOUT_SECONDS, and answers are popular items. Start Redis, or "
        "look at its slow log.",
    ),
    Alarm(
        "HeadwaterStreamingSilent",
        _above("streaming_heartbeat_age_seconds", 60),
        "The streaming service is gone or hangs. Its last log lines say which query ended and why",
    ),
    Alarm(
        "HeadwaterOnlineLag",
        _above("streaming_online_lag_seconds", 30),
        "Events come faster than they are applied, or a worker hangs. "
        "`headwater_streaming_online_batch_seconds` shows how long a micro-batch of one partition takes. "
        "Give the query more cores, a lower FRESH_N, or FOLD_IN=false for a while.",
    ),
    Alarm(
        "HeadwaterLakeLag",
        _lake_lag,
        "The lake query is slow or ended: look for its line in the log, and at the disk.",
    ),
    Alarm(
        "HeadwaterPendingUsers",
        _above("streaming_pending_users", 10_000),
        "More users are active than FOLD_IN_BUDGET_SECONDS allows; the others get the batch list until it is "
        "their turn. Give streaming more cores, a lower FRESH_N, or a longer budget.",
    ),
    Alarm(
        "HeadwaterStateLost",
        _is_set("streaming_state_lost"),
        "Redis was flushed or restarted empty. Run `headwater rebuild`, then `headwater train --now`",
    ),
    Alarm(
        "HeadwaterStateMissing",
        _is_set("redis_state_missing"),
        "Redis answers, but does not hold the state: it was flushed, restarted empty, lost keys, or holds "
        "the state of another version.",
    ),
    Alarm(
        "HeadwaterRedisMayEvict",
        _is_set("redis_may_evict"),
        "The `maxmemory-policy` of Redis is not `noeviction`.",
    ),
    Alarm(
        "HeadwaterTrainingFails",
        _is_set("training_last_outcome.failed"),
        "The trainer's log gives the reason as a sentence with its cure",
    ),
    Alarm(
        "HeadwaterModelsRefused",
        _is_set("training_last_outcome.refused_by_gate"),
        "Candidates are worse than the served model on the newest slice by more than GATE_BOUND. "
        "`headwater report` shows by how much and for whom.",
    ),
)


def ringing(figures: Figures, redis_answers: bool) -> list[RingingAlarm]:
    """What is wrong now, in the order of ALARMS. Without Redis all figures are old, so only that is said."""
    if not redis_answers:
        return [_ringing_alarm(alarm) for alarm in ALARMS if alarm.name == STALE]
    return [_ringing_alarm(alarm) for alarm in ALARMS if alarm.rings(figures)]


def _ringing_alarm(alarm: Alarm) -> RingingAlarm:
    return RingingAlarm(name=alarm.name, advice=alarm.advice)
