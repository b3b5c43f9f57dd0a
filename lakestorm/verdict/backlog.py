"""What a run's readings come to: slopes over plateaus, how long the pipeline took to catch up, whether it kept up.

A backlog is drained when the pipeline has caught up with what was written until the load ended. The slot: when the
connector has confirmed the log up to where it stood at that moment, whatever others write since. Consumers: from when
on they stay within DRAINED_MESSAGES, or DRAINED_SHARE of their highest lag, since those that commit now and then are
never at 0. (The OpenMessaging Benchmark calls a backlog drained at 1,000 messages; a sale of a minute has few more.)
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.figures import digits
from lakestorm.verdict.plateaus import plateaus, slopes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from lakestorm.record.readings import Readings
    from lakestorm.verdict.plateaus import Plateau, Slope

    Floats = npt.NDArray[np.float64]

SLOPE, DRAIN = "slope_per_s", "drain_s"
SLOT, GROUPS = "replication_slot.lag_bytes", "consumer_group.lag"
CONFIRMED, WRITTEN = "replication_slot.confirmed_bytes", "replication_slot.written_bytes"
WAL = "wal.bytes_per_s"
DRAINED_MESSAGES = 10
DRAINED_SHARE = 0.01
SUSTAINED_SHARE = 0.01
"""A backlog that grows by less than this share of what is added to it a second counts as kept up with."""


def is_backlog(name: str) -> bool:
    """Whether a series is something that waits to be worked off."""
    return name in (SLOT, GROUPS) or name.startswith(f"{GROUPS}.")


def trend_names(name: str) -> frozenset[str]:
    """What thresholds may ask of a series beyond its sums: its slope, and of a backlog the time to drain."""
    return frozenset({SLOPE, DRAIN} if is_backlog(name) else {SLOPE})


def trends(readings: Readings, offered: npt.ArrayLike, warmup_s: float, ended_s: float | None) -> dict[str, Any]:
    """What `run.json` shows under `probes`: sums, slopes, and of backlogs the slope of each plateau and the drain.

    Args:
        readings: of the whole run.
        offered: requests by second; see plateaus.
        warmup_s: before it nothing is a plateau.
        ended_s: when the load ended; None while it goes on.
    """
    level = plateaus(offered, warmup_s)
    found = readings.summary()
    for name, summary in found.items():
        slopes = list(slopes_of(*readings.curve(name), level))
        summary[SLOPE] = max((slope.per_s for _, slope in slopes), default=None)
        if is_backlog(name):
            summary["plateaus"] = [row_of(readings, name, plateau, slope) for plateau, slope in slopes]
            summary[DRAIN] = None if ended_s is None else drain_s(readings, name, ended_s)
    return found


def row_of(readings: Readings, name: str, plateau: Plateau, slope: Slope) -> dict[str, Any]:
    """One plateau of a backlog: where it was, what was offered, the slope, and whether that was kept up with.

    What a slot's backlog is measured by is the log that was written meanwhile; a group's by the requests.
    """
    rate_per_s = plateau.offered_per_s
    if name == SLOT:
        seconds, rates = readings.curve(WAL)
        within = rates[(seconds >= plateau.from_s) & (seconds < plateau.to_s)]
        rate_per_s = float(within.mean()) if len(within) else 0.0
    return dataclasses.asdict(plateau) | dataclasses.asdict(slope) | {"kept_up": kept_up(slope, rate_per_s)}


def drain_s(readings: Readings, name: str, ended_s: float) -> float | None:
    """Seconds from the load's end until a backlog was drained, to the reading; None if it was not, as far as is known.

    Args:
        readings: of the run.
        name: of a backlog.
        ended_s: when the load ended.
    """
    if name == SLOT:
        return caught_up_s(*readings.curve(CONFIRMED), *readings.curve(WRITTEN), ended_s)
    seconds, lag = readings.curve(name)
    return stays_below_s(seconds, lag, ended_s, max(DRAINED_MESSAGES, DRAINED_SHARE * lag.max(initial=0.0)))


def caught_up_s(at: Floats, reached: Floats, written_at: Floats, written: Floats, ended_s: float) -> float | None:
    """Seconds until a reader reached what was written at the load's end; shapes (n,), (n,), (m,), (m,), ascending."""
    if not len(written_at):
        return None
    goal = float(np.interp(ended_s, written_at, written))
    there = np.flatnonzero((at >= ended_s) & (reached >= goal))
    return float(at[there[0]]) - ended_s if len(there) else None


def stays_below_s(seconds: Floats, lag: Floats, ended_s: float, limit: float) -> float | None:
    """Seconds from the load's end until a lag came below a limit and never rose above it again; shapes (n,)."""
    first = int(np.searchsorted(seconds, ended_s))
    above = np.flatnonzero(lag[first:] > limit)
    first += int(above[-1]) + 1 if len(above) else 0
    return float(seconds[first]) - ended_s if first < len(seconds) else None


def kept_up(slope: Slope, rate_per_s: float) -> bool | None:
    """Whether a backlog stood still, within SUSTAINED_SHARE of what came in; None if nobody can tell."""
    if slope.low is None or slope.high is None:
        return None
    limit = SUSTAINED_SHARE * rate_per_s
    return True if slope.high <= limit else False if slope.low > limit else None


def keeping_up(name: str, unit: str, plateau: Mapping[str, Any]) -> str:
    """One sentence about one of a backlog's `plateaus` in `run.json`: whether the pipeline kept up with its rate."""
    where = f"At {digits(plateau['offered_per_s'])} requests a second ({plateau['from_s']}–{plateau['to_s']} s)"
    if plateau["low"] is None:
        return f"{where} there were too few readings of {name} to tell whether the pipeline kept up."
    growth = f"{digits(plateau['per_s'])} {unit} a second"
    interval = f"95 % confidence: {digits(plateau['low'])} to {digits(plateau['high'])}"
    verdict = {
        True: f"the pipeline kept up: {name} grew by {growth}",
        False: f"the pipeline fell behind by {growth} ({name})",
        None: f"nobody can tell whether the pipeline kept up: {name} grew by {growth}",
    }
    return f"{where} {verdict[plateau['kept_up']]}; {interval}."
