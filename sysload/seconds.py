"""Which seconds a row is due for, whatever the clock does. Pure."""

from __future__ import annotations

import math

LONGEST_GAP_S = 60
"""After a longer one this process, or its machine, was stopped: nothing was measured, so nothing is told."""
EARLY_S = 0.05
"""A sleep may end this much before the second does."""


def seconds_due(last_at: int, wall_s: float, over_s: float) -> range:
    """UTC epoch seconds that are over and have no row yet, the newest last; never empty, rising from call to call.

    After a stall all seconds that were missed are due. A clock that steps forward leaves a gap, as nothing happened
    in it. One that steps back is not followed: seconds go on rising by one until it has caught up, because a second
    that is told twice would be counted twice.

    Args:
        last_at: the last one that has a row.
        wall_s: UTC epoch seconds now.
        over_s: since the last call, by a clock that only rises.
    """
    newest = max(last_at + 1, math.floor(wall_s + EARLY_S) - 1)
    missed = newest - last_at - 1
    if missed > over_s:  # more than time went by, the last row's lateness included: the clock stepped forward
        missed = min(missed, round(over_s) - 1)
    return range(newest - missed if 0 < missed < LONGEST_GAP_S else newest, newest + 1)


def wait_s(wall_s: float) -> float:
    """Time until the next second begins, 0 … 1."""
    return 1.0 - wall_s % 1.0
