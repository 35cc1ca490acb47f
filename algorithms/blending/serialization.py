"""Turns a fitted blend into a record and arrays, which are published, and back into a blend that ranks.

Training writes them; the online query and the API read them. Since all of them rank by `ServedBlend`, the
same history gives the same list everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algorithms.blending.blend import Blend
from algorithms.blending.weights import (
    FACTORS,
    ITEM_TO_ITEM,
    LONG_VIEW,
    POPULARITY,
    REPEATS,
    TRANSITIONS,
    TREND,
    Candidate,
)
from algorithms.signals.factors import Factors
from algorithms.signals.follower_weights import FollowerWeights
from algorithms.signals.item_to_item import ItemToItem, ItemToItemSettings
from algorithms.signals.pair_counts import Window
from algorithms.signals.repeats import Repeats
from algorithms.signals.rows import Rows
from algorithms.signals.signal import Signal
from algorithms.signals.transitions import Transitions, TransitionSettings
from algorithms.signals.trend import Trend
from contracts.stored.manifest import LIVE_TREND, BlendRecord, SignalRecord

_ROW_SUMS, _COLUMN_SUMS = "row_sums", "column_sums"


class Arrays(NamedTuple):
    """The stored arrays of signals, by name: each matrix once, even where several signals use it."""

    rows: Mapping[str, Rows]
    vectors: Mapping[str, NDArray[np.float32]]


class Described(NamedTuple):
    """A signal's record, and the arrays that it names."""

    record: SignalRecord
    arrays: Arrays


def describe_signal(name: str, family: str, signal: Signal) -> Described:
    """How a fitted signal is stored. ``name`` is "kind/setting"; signals of one kind share their arrays.

    Raises TypeError for a signal that has no stored form.
    """
    kind = name.split("/")[0]
    if isinstance(signal, Factors):
        return Described(SignalRecord(family=family, half_life=signal.half_life), Arrays({}, {}))
    if isinstance(signal, ItemToItem):
        record = SignalRecord(
            family=family,
            stored=kind,
            half_life=signal.settings.half_life,
            settings={
                "regularisation": signal.settings.regularisation,
                "positives_only": float(signal.settings.positives_only),
            },
        )
        return Described(record, Arrays({kind: signal.rows.half()}, {}))
    if isinstance(signal, Transitions):
        return _describe_transitions(kind, family, signal)
    if isinstance(signal, Trend):
        # Each trend has counts of its own, so they are stored under its whole name.
        settings = {"at_ms": float(signal.at_ms), "offset": signal.offset, LIVE_TREND: float(signal.is_live)}
        record = SignalRecord(family=family, stored=name, half_life=signal.half_life_ms, settings=settings)
        return Described(record, Arrays({}, {name: signal.counts.astype(np.float32)}))
    if isinstance(signal, Repeats):
        settings = {"items": float(signal.items), "gap_ms": float(signal.gap_ms)}
        record = SignalRecord(family=family, half_life=signal.half_life, settings=settings)
        return Described(record, Arrays({}, {}))
    raise TypeError(f"{name} is a {type(signal).__name__}, which has no stored form")


def describe_signals(offered: Iterable[Candidate]) -> tuple[dict[str, SignalRecord], Arrays]:
    """The records of fitted signals by name, and all arrays that they name. Raises TypeError as above."""
    records, arrays = dict[str, SignalRecord](), Arrays({}, {})
    for name, family, signal in offered:
        record, named = describe_signal(name, family, signal)
        records[name] = record
        arrays = Arrays({**arrays.rows, **named.rows}, {**arrays.vectors, **named.vectors})
    return records, arrays


def _describe_transitions(kind: str, family: str, signal: Transitions) -> Described:
    settings, window = signal.settings, signal.settings.window
    record = SignalRecord(
        family=family,
        stored=kind,
        half_life=settings.half_life,
        settings={
            "span": float(window.span),
            "window_half_life": window.half_life,
            "backward": window.backward,
            "keeps_diagonal": float(window.keeps_diagonal),
            "row_power": settings.row_power,
            "column_power": settings.column_power,
            "damping": settings.damping,
            "power": settings.power,
            "unliked": settings.unliked,
            "unliked_follower": settings.followers.unliked,
            "pairs_half_life_days": settings.followers.half_life_days,
            "lasting": settings.followers.lasting,
            "k": float(signal.k),
        },
    )
    sums = {f"{kind}.{_ROW_SUMS}": signal.row_sums, f"{kind}.{_COLUMN_SUMS}": signal.column_sums}
    return Described(record, Arrays({kind: signal.rows.half()}, sums))


def stored_names(record: BlendRecord) -> Arrays:
    """The names of the matrices and vectors that a blend scores with, as arrays without content."""
    rows, vectors = dict[str, Rows](), dict[str, NDArray[np.float32]]()
    for signal in record.signals.values():
        if signal.stored is None:
            continue
        if signal.family in (TREND, POPULARITY):
            vectors[signal.stored] = np.empty(0, np.float32)
            continue
        rows[signal.stored] = Rows(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float16))
        if signal.family == TRANSITIONS:
            for sums in (_ROW_SUMS, _COLUMN_SUMS):
                vectors[f"{signal.stored}.{sums}"] = np.empty(0, np.float32)
    return Arrays(rows, vectors)


@dataclass(frozen=True)
class ServedBlend:
    """A blend with its signals, which ranks. ``rank``, ``score`` and ``explain`` are those of `Blend`."""

    blend: Blend
    signals: Mapping[str, Signal]
    factors: Factors | None = None  # the version's, whether or not they have a weight


def read_blend(record: BlendRecord, arrays: Arrays, factors: Factors) -> ServedBlend:
    """The blend of a stored record. ``factors`` are the version's, with any half-life.

    Raises KeyError where an array is missing, ValueError for a family that is not known here.
    """
    read = {
        name: _READERS.get(signal.family, _refuse_unknown_family)(signal, arrays, factors)
        for name, signal in record.signals.items()
    }
    return ServedBlend(blend_of(record), read, factors)


def blend_of(record: BlendRecord) -> Blend:
    """The blend of a record, without its signals."""
    return Blend(
        hot=dict(record.hot),
        cold=dict(record.cold),
        with_known_items=record.with_known_items,
        half_life_hours=record.half_life_hours,
    )


def _read_factors(record: SignalRecord, _arrays: Arrays, factors: Factors) -> Signal:
    return Factors(
        item_factors=factors.item_factors,
        reg_param=factors.reg_param,
        alpha=factors.alpha,
        nonnegative=factors.nonnegative,
        half_life=record.half_life,
        given_gramian=factors.gramian,
    )


def _read_item_to_item(record: SignalRecord, arrays: Arrays, _factors: Factors) -> Signal:
    settings = ItemToItemSettings(
        regularisation=record.settings["regularisation"],
        half_life=record.half_life,
        positives_only=bool(record.settings["positives_only"]),
    )
    return ItemToItem(arrays.rows[_name(record)], settings)


def _read_transitions(record: SignalRecord, arrays: Arrays, _factors: Factors) -> Signal:
    numbers, name = record.settings, _name(record)
    window = Window(
        span=int(numbers["span"]),
        half_life=numbers["window_half_life"],
        backward=numbers["backward"],
        keeps_diagonal=bool(numbers["keeps_diagonal"]),
    )
    settings = TransitionSettings(
        window=window,
        row_power=numbers["row_power"],
        column_power=numbers["column_power"],
        half_life=record.half_life,
        damping=numbers["damping"],
        power=numbers.get("power", 1.0),  # records of early versions do not have these
        unliked=numbers.get("unliked", 1.0),
        followers=FollowerWeights(
            unliked=numbers.get("unliked_follower", 1.0),
            half_life_days=numbers.get("pairs_half_life_days", 0.0),
            lasting=numbers.get("lasting", 1.0),
        ),
    )
    return Transitions(
        rows=arrays.rows[name],
        row_sums=arrays.vectors[f"{name}.{_ROW_SUMS}"],
        column_sums=arrays.vectors[f"{name}.{_COLUMN_SUMS}"],
        settings=settings,
        k=int(numbers["k"]),
    )


def _read_trend(record: SignalRecord, arrays: Arrays, _factors: Factors) -> Signal:
    return Trend(
        counts=arrays.vectors[_name(record)].astype(np.float64),
        at_ms=int(record.settings["at_ms"]),
        half_life_ms=record.half_life,
        offset=record.settings["offset"],
        is_live=record.is_live_trend,
    )


def _read_repeats(record: SignalRecord, _arrays: Arrays, _factors: Factors) -> Signal:
    return Repeats(
        items=int(record.settings["items"]),
        half_life=record.half_life,
        gap_ms=int(record.settings["gap_ms"]),
    )


def _refuse_unknown_family(record: SignalRecord, _arrays: Arrays, _factors: Factors) -> Signal:
    raise ValueError(
        f"signals of the family {record.family!r} are not known here: a newer Headwater wrote it"
    )


def _name(record: SignalRecord) -> str:
    if record.stored is None:
        raise KeyError(f"a signal of the family {record.family} without stored arrays")
    return record.stored


_READERS: Mapping[str, Callable[[SignalRecord, Arrays, Factors], Any]] = {
    FACTORS: _read_factors,
    ITEM_TO_ITEM: _read_item_to_item,
    LONG_VIEW: _read_item_to_item,
    TRANSITIONS: _read_transitions,
    TREND: _read_trend,
    POPULARITY: _read_trend,
    REPEATS: _read_repeats,
}
