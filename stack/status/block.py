"""The status as text: a block on a terminal, one line elsewhere."""

from __future__ import annotations

from datetime import datetime, timezone

from rich.panel import Panel
from rich.table import Table

from contracts.exposures import Loss
from contracts.live_figures import POPULAR, RETRAINED, LiveFigures
from contracts.stored.manifest import Manifest
from stack.status.picture import StackStatus

_SHOWN_METRICS = ("ndcg@10", "precision@10", "recall@10")


def rows(status: StackStatus) -> list[tuple[str, str]]:
    """Names and values, in the order in which events flow."""
    ingest = status.ingest
    api = status.addresses.get("api")
    found = [("page", f"{api}/")] if api else []
    found += [
        ("data", status.data_dir),
        ("state", _state(status)),
        *([("trouble", status.trouble)] if status.trouble else []),
        ("sent", f"{ingest.sent:,} ({ingest.acknowledged:,} acknowledged, {ingest.failed:,} failed)"),
        *_refused_rows(status),
        ("in the topic", _count(status.events)),
        ("in the lake", _count(status.in_lake)),
        ("lag", _lags(status)),
        ("model", status.model_error or model_line(status.model)),
        ("live", live_line(status.live)),
        *_loss_rows(status.lost_exposures),
        ("trainer", _trainer(status)),
    ]
    found += [(name, address) for name, address in status.addresses.items() if name != "api"]
    return [*found, ("API", f"{api}/docs")] if api else found


def _refused_rows(status: StackStatus) -> list[tuple[str, str]]:
    """The number of refused rows of the source, and the first of them."""
    ingest = status.ingest
    if not ingest.rejected_lines:
        return []
    sample = f"; the first: {ingest.rejected_sample[0]}" if ingest.rejected_sample else ""
    return [("refused", f"{ingest.rejected_lines:,} rows of the source (`headwater rejects`){sample}")]


def _loss_rows(loss: Loss | None) -> list[tuple[str, str]]:
    """The number of lists that killed API processes lost; no row where none did."""
    if loss is None or not loss.lists:
        return []
    found_at = datetime.fromtimestamp(loss.found_at / 1000, timezone.utc)
    text = f"up to {loss.lists:,} lists were shown by API processes that ended before Kafka had them"
    return [("lost", f"{text}; the last were found at {found_at:%Y-%m-%d %H:%M} UTC")]


def _trainer(status: StackStatus) -> str:
    training = status.training
    cause = f" (the last round was asked for by {training.cause})" if training.cause else ""
    return f"{training.phase or 'starting'}{cause}"


def block(status: StackStatus, title: str = "Headwater") -> Panel:
    """The block that `headwater up` keeps on the screen."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows(status):
        table.add_row(name, value)
    return Panel(table, title=title, title_align="left", expand=False)


def line(status: StackStatus) -> str:
    """The status in one line."""
    refused = f"refused {status.ingest.rejected_lines:,} " if status.ingest.rejected_lines else ""
    return (
        f"sent {status.ingest.sent:,} acknowledged {status.ingest.acknowledged:,} {refused}"
        f"in the lake {_count(status.in_lake)}; lag: {_lags(status)}; model: {model_line(status.model)}"
    )


def model_line(model: Manifest | None) -> str:
    """The version and its metrics, each with that of the popularity baseline."""
    if not model:
        return "none yet"
    metrics = model.metrics
    shown = [
        f"{name} {metrics[name]:.3f} (popularity {metrics.get('popularity_' + name) or 0.0:.3f})"
        for name in _SHOWN_METRICS
        if metrics.get(name) is not None
    ]
    return ", ".join([model.version, *shown])


def live_line(live: LiveFigures | None) -> str:
    """How well users' lists held what they liked next, beside the last training's lists and popular ones."""
    if live is None or not live.served_lists.events:
        return "no new positive events yet"
    retrained, popular = live.beside[RETRAINED], live.beside[POPULAR]
    shown = [
        f"{name} {served or 0.0:.3f} (last training {batch or 0.0:.3f}, popularity {others or 0.0:.3f})"
        for name, served, batch, others in (
            ("hit@10", live.served_lists.hit_rate, retrained.hit_rate, popular.hit_rate),
            ("ndcg@10", live.served_lists.ndcg, retrained.ndcg, popular.ndcg),
        )
    ]
    return ", ".join([*shown, f"{live.served_lists.events:,} events since yesterday"])


def _state(status: StackStatus) -> str:
    ended = {"ingest"} if status.ingest.done and not status.ingest.failed else set()  # all is sent
    dead = [name for name, service in status.services.items() if not service["running"] and name not in ended]
    if not status.running:
        left = [name for name, service in status.services.items() if service["running"]]
        return f"stopped, but still there: {', '.join(left)}" if left else "stopped"
    return f"{status.phase}; not running: {', '.join(dead)}" if dead else status.phase


def _lags(status: StackStatus) -> str:
    return f"lake {_count(status.lag_lake)}, online {_count(status.lag_online)}"


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
