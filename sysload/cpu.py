"""How much CPU to burn in the next cycle, so that the use over any ten seconds is the share that was asked for.

A books-keeping controller: the share that was due so far, less what the process really used (its own CPU clock, the
controller's work too), is owed and goes into the next cycle.

    due(t) = ∫ share                      smooth
    due(t) = time in bursts up to t       bursty: each period of B seconds begins with share × B seconds at 100 %
    burn = owed + due(t + cycle) - due(t)    in 0 … cycle
    owed = min(OWED_S, max(-OWED_S, owed + due(t) - due(t₀) - used))

What a busy machine withheld is made up for only up to OWED_S. So no ten seconds hold more than OWED_S + CYCLE_S =
0.17 s of CPU time, or 1.7 points, above the target, and the load does not jump at others when they fall silent.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

CYCLE_S = 0.05
"""Of the duty cycle; at most 100 ms is promised."""
OWED_S = 0.12
"""CPU time that is made up for at most."""

type_shape = Literal["smooth", "bursty"]


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one process.

    Args:
        share: of one CPU, 0…1.
        shape: even, or all and nothing.
        burst_s: bursty only: how long a burst and its rest last together.
    """

    share: float
    shape: type_shape = "smooth"
    burst_s: float = 10.0

    def due_s(self, at_s: float) -> float:
        """CPU time that is due from 0 to a moment; bursts begin at whole multiples of `burst_s`, for all processes."""
        if self.shape == "smooth":
            return self.share * at_s
        whole, part = divmod(at_s, self.burst_s)
        return whole * self.share * self.burst_s + min(part, self.share * self.burst_s)


class Controller:
    """Keeps the books of one process.

    Args:
        now_s: of a clock that only rises, the same for all processes of the machine.
        used_s: CPU time of this process so far.
    """

    def __init__(self, now_s: float, used_s: float) -> None:
        self.owed_s = 0.0
        self._now_s, self._used_s = now_s, used_s

    def burn_s(self, now_s: float, used_s: float, demand: Demand) -> float:
        """CPU time to use from now to the end of the cycle, 0 … CYCLE_S."""
        due_s = demand.due_s(now_s) - demand.due_s(self._now_s)
        self.owed_s += due_s - (used_s - self._used_s)
        self.owed_s = min(OWED_S, max(-OWED_S, self.owed_s))
        self._now_s, self._used_s = now_s, used_s
        return min(CYCLE_S, max(0.0, self.owed_s + demand.due_s(now_s + CYCLE_S) - demand.due_s(now_s)))


def share_of_each(target_percent: float, cores: float, workers: int, others_cores: float) -> float:
    """The share of one CPU that each worker is to use.

    Args:
        target_percent: of what this container may use, all our processes together.
        cores: that it may use.
        workers: processes that burn.
        others_cores: CPU that our other processes (parent, memory, disk) used lately.
    """
    return min(1.0, max(0.0, (target_percent / 100 * cores - others_cores) / workers))
