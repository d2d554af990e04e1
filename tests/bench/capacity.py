"""`scripts/capacity`: what N processes on M machines carry, and where the next limit is. A model, not a measurement.

It is fed with costs, by arguments or by the file that `scripts/bench --save FILE` writes of the machine it ran on. A
turn is one message of a participant's, taken in, and what it is answered with, sent.
What it does not know: networks between machines, disks that others share, a database that is tuned, and bursts: half
of what it says is a load to live with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

POSTGRESQL_CONNECTIONS = 100
"""max_connections as PostgreSQL comes (postgresql.org/docs/current/runtime-config-connection.html)."""

KEPT_BESIDE_THE_POOL = 6
"""The most connections of a process besides its pool: four more in a rush, a listener, and one of the pages."""

RATES = {"sms": 10.0, "whatsapp": 80.0, "telegram": 30.0, "email": 0.5}
"""What each provider takes from one number, bot or mailbox, a second: the `rate` of each channel."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one turn costs.

    The usual: on PostgreSQL, as `scripts/bench --postgresql` measured them in four processes on a quiet machine of two
    hyperthreads of one core; `claim_ms` and `claimed` by pg_stat_statements there; the rest are estimates. With SQLite
    `turn_ms` was 2.2, and the database's part is in it.
    """

    turn_ms: float = 6.1
    """Of a processor, in our process."""

    database_ms: float = 3.8
    """Of a processor, in PostgreSQL."""

    statements_ms: float = 6.0
    """For which a turn holds a connection of the pool, with its wait for the disk."""

    claim_ms: float = 2.8
    """For which one process claims what may leave, while no other does."""

    claimed: float = 5.3
    """Messages that one such claim takes, under load."""

    texts: float = 1.3
    """Messages that answer one turn."""

    segments: float = 1.8
    """SMS parts of one such message."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The machines and what runs on them."""

    machines: int = 1
    processes: int = 4
    """On each machine."""

    cores: int = 2
    """Of each machine."""

    pool_size: int = 4
    database_cores: int = 2
    """Of the database's own machine; 0 where it shares the first of the others."""

    connections: int = POSTGRESQL_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Limit:
    """The turns a second that one thing allows, and what lifts it."""

    name: str
    turns: float
    mend: str


def limits(costs: Costs, layout: Layout, channel: str, rate: float | None = None) -> list[Limit]:
    """Every limit, the lowest first."""
    return sorted(_limits(costs, layout, channel, RATES[channel] if rate is None else rate), key=lambda one: one.turns)


def _limits(costs: Costs, layout: Layout, channel: str, rate: float) -> Iterator[Limit]:
    working = layout.machines * layout.processes
    shared = 0 if layout.database_cores else 1
    busy = layout.machines * min(layout.processes, layout.cores)
    if shared:  # the database works on the first machine too
        each = costs.turn_ms + costs.database_ms
        yield Limit("the machines' processors", layout.machines * layout.cores * 1000 / each, "another machine")
    else:
        yield Limit(
            "the database's processors", layout.database_cores * 1000 / costs.database_ms, "more cores for the database"
        )
    yield Limit("our processes' processors", busy * 1000 / costs.turn_ms, "more processes, up to one a core")
    open_at_once = working * layout.pool_size
    yield Limit(
        "connections in the pools", open_at_once * 1000 / costs.statements_ms, "a larger pool_size under [database]"
    )
    yield Limit(
        "the claim of messages, one process at a time",
        1000 / costs.claim_ms * costs.claimed / costs.texts,
        "none yet: claims would have to be split by channel",
    )
    if rate > 0:
        weight = costs.texts * (costs.segments if channel == "sms" else 1)
        yield Limit(f"the provider's rate for one sender ({channel})", rate / weight, _MENDS[channel])


_MENDS = {
    "sms": "a messaging service with more numbers, and its rate in [channels.sms]",
    "whatsapp": "a higher rate, which Twilio gives on request",
    "telegram": "a higher rate, which Telegram gives on request",
    "email": "a mail provider made for many mails, and its rate in [channels.email]",
}


def needed_connections(layout: Layout) -> int:
    """The most connections that all processes together open to the database."""
    return layout.machines * layout.processes * (layout.pool_size + KEPT_BESIDE_THE_POOL)


def said(costs: Costs, layout: Layout, channel: str, rate: float | None = None) -> str:
    """It all in plain words."""
    found = limits(costs, layout, channel, rate)
    first, *others = found
    ours = next(one for one in found if "provider" not in one.name)
    plural = "es" if layout.processes > 1 else ""
    where = f"{layout.processes} process{plural} on each of {layout.machines} machines of {layout.cores} cores"
    lines = [
        "A model, not a measurement; live with half of it.",
        f"{where} carry {first.turns:,.1f} turns a second: {first.turns * 3600:,.0f} an hour.",
        f"The limit is {first.name}. What lifts it: {first.mend}.",
    ]
    if ours is not first:
        lines.append(f"Without the provider's it would be {ours.turns:,.0f} turns a second: {ours.name}.")
    lines += ["After that:", *(f"  {one.turns:9,.1f} a second  {one.name}: {one.mend}" for one in others)]
    wanted = needed_connections(layout)
    if wanted > layout.connections:
        lines.append(
            f"PostgreSQL lets {layout.connections} connections in and they may want {wanted}: raise max_connections, "
            "or lower pool_size."
        )
    return "\n".join(lines)


def measured(path: Path) -> Costs:
    """The costs in a file of `scripts/bench --save`; what it does not hold is as usual. Raises ValueError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    names = {one.name for one in fields(Costs)}
    if not isinstance(found, dict) or not set(found) <= names:
        raise ValueError(f"{path.name} holds other things than {', '.join(sorted(names))}.")
    return replace(Costs(), **{name: float(value) for name, value in found.items()})


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="scripts/capacity", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for one in fields(Layout):
        asked.add_argument(f"--{one.name.replace('_', '-')}", type=int, default=one.default)
    for one in fields(Costs):
        asked.add_argument(f"--{one.name.replace('_', '-')}", type=float, metavar="X", help=f"usual: {one.default}")
    asked.add_argument("--costs", type=Path, metavar="FILE", help="what scripts/bench --save FILE measured")
    asked.add_argument("--channel", choices=sorted(RATES), default="sms")
    asked.add_argument("--rate", type=float, help="messages a second that the provider takes; 0 for no limit")
    chosen = asked.parse_args()
    costs = measured(chosen.costs) if chosen.costs else Costs()
    given = {one.name: value for one in fields(Costs) if (value := getattr(chosen, one.name)) is not None}
    layout = Layout(**{one.name: getattr(chosen, one.name) for one in fields(Layout)})
    if min(layout.machines, layout.processes, layout.cores, layout.pool_size) < 1:
        sys.exit("scripts/capacity: machines, processes, cores and pool size are 1 or more.")
    print(said(replace(costs, **given), layout, chosen.channel, chosen.rate))


if __name__ == "__main__":
    main()
