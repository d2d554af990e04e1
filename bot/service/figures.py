"""Figures for Prometheus: what this process has done, and how the study stands. None is about one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Column, ColumnElement, Select, func, select

from bot.records.tables import interviews, outbox, tasks, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service.leases import alive

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)

PROCESS = CollectorRegistry()
"""What this process has done since it was started."""

DELIVERIES = Histogram(
    "ownpace_delivery_seconds",
    "From a provider's delivery, or from what was fetched, to the end of its commit",
    ["channel"],
    buckets=SECONDS,
    registry=PROCESS,
)
TURNS = Counter(
    "ownpace_turns",
    "Messages that came in, by whichever way, and what became of them; what was taken went through an interview",
    ["channel", "outcome"],
    registry=PROCESS,
)
SENDS = Histogram(
    "ownpace_send_seconds", "Handing one message over to its provider", ["channel"], buckets=SECONDS, registry=PROCESS
)
REFUSED = Counter(
    "ownpace_deliveries_refused", "Deliveries that no provider signed, or that are too large", ["why"], registry=PROCESS
)
OUTCOMES = Counter("ownpace_sends", "What became of messages handed over", ["channel", "outcome"], registry=PROCESS)


Figure = TypeVar("Figure", Counter, Histogram)


@lru_cache(1024)  # `labels` takes as long to find it as the figure to be counted
def of(figure: Figure, *labels: str) -> Figure:
    """A figure with these labels."""
    return figure.labels(*labels)


def count_turns(kind: str, received: Iterable[StrEnum]) -> None:
    """What became of the messages that came on a channel of this kind, once that is committed."""
    for outcome in received:
        of(TURNS, kind, outcome.value).inc()


@dataclass(eq=False)
class _Known(Collector):
    """Figures that were worked out already."""

    metrics: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.metrics


def text(*more: Metric) -> bytes:
    """Everything, as Prometheus reads it (prometheus.io/docs/instrumenting/exposition_formats)."""
    registry = CollectorRegistry()
    registry.register(_Known(more))
    return bytes(generate_latest(PROCESS) + generate_latest(registry))


def standing(uow: UnitOfWork) -> list[Metric]:
    """How the study stands: what waits to leave, what is in doubt, timers that are late, tasks and interviews."""
    oldest = select(func.min(outbox.c.not_before)).where(outbox.c.state == "pending", outbox.c.not_before <= uow.now)
    latest = select(func.min(timers.c.due)).where(timers.c.due <= uow.now)
    return [
        _by_label("outbox", "Messages by what became of them, but for those handed over well", "state", _outbox(uow)),
        _one("outbox_due_seconds", "How long the oldest message that may leave has waited", _since(uow, oldest)),
        _one("timers_late_seconds", "How long the oldest timer that is due has waited", _since(uow, latest)),
        _by_label("tasks_open", "Open tasks by kind", "kind", _counted(uow, tasks.c.kind, tasks.c.closed_at.is_(None))),
        _by_label("interviews", "Interviews by state", "state", _counted(uow, interviews.c.state)),
        *([] if uow.dialect == "sqlite" else [_one("workers", "Processes that send and wake timers", alive(uow))]),
    ]


def rounds(seconds: Mapping[str, float]) -> Metric:
    """For how long each part of the worker has had no good round: the lag of a listener among them."""
    return _by_label("part_seconds", "Since the last good round of a part of the worker", "part", seconds)


def _outbox(uow: UnitOfWork) -> dict[str, float]:
    """States of which there are ever few: an index finds them."""
    few = ("pending", "held", "aside", "sending", "unknown", "refused")
    return dict.fromkeys(few, 0.0) | _counted(uow, outbox.c.state, outbox.c.state.in_(few))


def _counted(uow: UnitOfWork, column: Column[str], *where: ColumnElement[bool]) -> dict[str, float]:
    """How many rows there are with each value."""
    rows = uow.all(select(column.label("value"), func.count().label("many")).where(*where).group_by(column))
    return {row["value"]: row["many"] for row in rows}


def _since(uow: UnitOfWork, moment: Select[tuple[datetime]]) -> float:
    first = uow.execute(moment).scalar()
    return (uow.now - first).total_seconds() if first else 0.0


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ownpace_{name}", what, value=value)


def _by_label(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"ownpace_{name}", what, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family
